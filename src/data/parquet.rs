//! Parquet files: the columns that make rows, one row after the other; lists of structs become lists of objects.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row as Record};
use parquet::schema::types::Type;
use serde_json::Value;

use super::layout::{self, Fields};
use super::parse::Gather;
use super::read::{Rows, Wanted};
use crate::words::formats;
use crate::{Error, Result};

/// Whether the bytes at the beginning of a file say so.
pub fn is_parquet(start: &[u8]) -> bool {
    start.starts_with(b"PAR1")
}

pub fn read(path: &Path, wanted: &Wanted) -> Result<Rows> {
    let name = path.display().to_string();
    let bad = |row: usize, error: &ParquetError| Error::BadRow { path: name.clone(), row, cause: said(error) };
    let file = File::open(path).map_err(Error::io(path))?;
    let reader = SerializedFileReader::new(file).map_err(|error| bad(0, &error))?;
    let schema = reader.metadata().file_metadata().schema();
    let projection = needed(schema, wanted).map_err(|error| bad(0, &error))?;
    let mut rows = Gather::new(&name, wanted);
    for (i, record) in reader.get_row_iter(projection).map_err(|error| bad(0, &error))?.enumerate() {
        let record = record.map_err(|error| bad(i + 1, &error))?;
        if !rows.add(i + 1, &object(record))? {
            break;
        }
    }
    rows.finish()
}

/// Only the columns that can make a row, if there are any: pictures and embeddings stay on the disk.
pub fn needed(schema: &Type, wanted: &Wanted) -> std::result::Result<Option<Type>, ParquetError> {
    let known = |name: &str| if wanted.columns.is_empty() { layout::is_known(name) } else { wanted.columns.iter().any(|c| c == name) };
    let fields: Vec<Arc<Type>> = schema.get_fields().iter().filter(|field| known(field.name())).cloned().collect();
    if fields.is_empty() {
        return Ok(None);
    }
    Type::group_type_builder(schema.name()).with_fields(fields).build().map(Some)
}

/// What is said without the words that say which library says it.
pub fn said(error: &ParquetError) -> String {
    let text = error.to_string();
    if ["codec", "ompression", "isabled feature"].iter().any(|word| text.contains(word)) {
        return formats::CODEC.with(&[("cause", &text)]);
    }
    text
}

pub fn object(record: Record) -> Fields {
    record.into_columns().into_iter().map(|(name, field)| (name, value(field))).collect()
}

fn value(field: Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(x) => x.into(),
        Field::Byte(x) => x.into(),
        Field::Short(x) => x.into(),
        Field::Int(x) => x.into(),
        Field::Long(x) => x.into(),
        Field::UByte(x) => x.into(),
        Field::UShort(x) => x.into(),
        Field::UInt(x) => x.into(),
        Field::ULong(x) => x.into(),
        Field::Float(x) => x.into(),
        Field::Double(x) => x.into(),
        Field::Str(text) => text.into(),
        // Older writers leave the note out that bytes are text.
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).map_or(Value::Null, Value::from),
        Field::Group(record) => Value::Object(object(record)),
        Field::ListInternal(list) => list.elements().iter().cloned().map(value).collect(),
        Field::MapInternal(map) => {
            let text = |field: &Field| value(field.clone()).as_str().map_or_else(|| field.to_string(), str::to_owned);
            Value::Object(map.entries().iter().map(|(key, item)| (text(key), value(item.clone()))).collect())
        }
        other => other.to_string().into(),
    }
}

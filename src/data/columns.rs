//! The one pass over a Parquet file, and its rows one by one afterwards. Only the columns that rows are made of are read.

use std::fs::File;
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor};
use sha2::{Digest, Sha256};

use super::layout::Fields;
use super::pages::Pages;
use super::parquet::{needed, object, said};
use super::read::Wanted;
use super::scan::Scan;
use crate::{Error, Result};

/// Bytes of rows that the pass holds at once.
const AT_ONCE: u64 = 8 << 20;

/// The rows of a Parquet file by number.
#[derive(Debug)]
pub struct Columns(Pages);

impl Columns {
    /// Checks every row; `offsets` become the numbers of those that are kept.
    ///
    /// # Errors
    /// Those of reading the file whole; `Interrupted`.
    pub fn scan(scan: &mut Scan, file: &File) -> Result<Self> {
        let bad = |scan: &Scan, row: usize, error: &ParquetError| scan.bad(row, said(error));
        let again = || file.try_clone().map_err(Error::io(scan.path));
        let (file, pages) = (again()?, again()?);
        let size = file.metadata().map_err(Error::io(scan.path))?.len();
        let reader = SerializedFileReader::new(file).map_err(|error| bad(scan, 0, &error))?;
        let wanted = Wanted { limit: scan.left, columns: &scan.options.columns };
        let projection = needed(reader.metadata().file_metadata().schema(), &wanted).map_err(|error| bad(scan, 0, &error))?;
        let whole = reader.metadata().file_metadata().schema_descr_ptr();
        let schema = projection.clone().map_or(whole, |fields| Arc::new(SchemaDescriptor::new(Arc::new(fields))));
        let (batch, total) = (batch(reader.metadata(), &schema), reader.metadata().file_metadata().num_rows().max(1) as u64);
        scan.hash = scan.hash.take().or_else(|| Some(Sha256::new()));
        'groups: for g in 0..reader.num_row_groups() {
            let group = reader.get_row_group(g).map_err(|error| bad(scan, scan.seen + 1, &error))?;
            let rows = group.get_row_iter(projection.clone()).map_err(|error| bad(scan, scan.seen + 1, &error))?;
            for record in rows.with_batch_size(batch) {
                let row = scan.seen + 1;
                let record = record.map_err(|error| bad(scan, row, &error))?;
                scan.row(row, row as u64 - 1, &object(record))?;
                scan.end = row as u64;
                if scan.enough(row, (size as u128 * row as u128 / u128::from(total)) as u64)? {
                    break 'groups;
                }
            }
        }
        let metadata = Arc::new(reader.metadata().clone());
        Pages::open(pages, &metadata, schema, scan.end).map(Self).map_err(|error| bad(scan, 0, &error))
    }

    /// # Errors
    /// What is wrong in the file.
    pub fn row(&self, row: u64) -> std::result::Result<Fields, String> {
        self.0.row(row).map(object).map_err(|error| said(&error))
    }
}

/// Rows that are decoded together, so that long ones do not fill the memory.
fn batch(metadata: &ParquetMetaData, schema: &SchemaDescPtr) -> usize {
    let needed = |path| schema.columns().iter().any(|column| column.path() == path);
    let all = metadata.row_groups().iter().flat_map(|group| group.columns());
    let bytes: i64 = all.filter(|column| needed(column.column_path())).map(|column| column.uncompressed_size()).sum();
    let each = bytes as u64 / (metadata.file_metadata().num_rows() as u64).max(1);
    (AT_ONCE / each.max(1)).clamp(1, 1024) as usize
}

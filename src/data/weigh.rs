//! What reading files whole would take, before it is done.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};

use super::read::{self, Format};
use super::{layout, parquet as file};
use crate::{Error, Result};

/// Bytes of memory for one byte of a file at the peak of reading it, as measured with 100 MB of each and a vocabulary of 4 bytes a token:
/// its text, its rows, their tokens and masks. Running text is tokenised at one go, which takes far more.
const TIMES: u64 = 9;
const TIMES_TEXT: u64 = 170;

/// Bytes that reading these files whole takes, about; `None` where they cannot be streamed instead.
///
/// # Errors
/// `NotFound`, `Io`.
pub fn whole(paths: &[PathBuf], columns: &[String]) -> Result<Option<u64>> {
    let mut sum = 0;
    for path in paths {
        if read::is_packed(path) {
            return Ok(None);
        }
        sum += one(path, columns).map_err(Error::io(path))?;
    }
    Ok(Some(sum))
}

fn one(path: &Path, columns: &[String]) -> std::io::Result<u64> {
    let mut opened = File::open(path)?;
    let (mut start, size) = ([0; 4096], opened.metadata()?.len());
    let count = opened.read(&mut start)?;
    let head = &start[..count];
    if file::is_parquet(head) {
        // What is wrong with the file is said by whoever reads it.
        return Ok(SerializedFileReader::new(opened).map_or(size, |reader| unpacked(&reader, columns)) * TIMES);
    }
    let text = read::format(path, &String::from_utf8_lossy(head)) == Format::Text;
    Ok(size * if text { TIMES_TEXT } else { TIMES })
}

/// Bytes of the columns that rows are made of.
fn unpacked(reader: &SerializedFileReader<File>, chosen: &[String]) -> u64 {
    let needed = |name: &str| if chosen.is_empty() { layout::is_known(name) } else { chosen.iter().any(|column| column == name) };
    let all = reader.metadata().row_groups().iter().flat_map(|group| group.columns());
    let wanted = all.filter(|column| column.column_path().parts().first().is_some_and(|name| needed(name)));
    wanted.map(|column| column.uncompressed_size().max(0) as u64).sum()
}

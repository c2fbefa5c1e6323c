//! One file of a stream: where its rows begin, and reading one of them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::array;
use super::columns::Columns;
use super::layout::{self, Fields, Layout, Row};
use super::read::{self, Format};
use super::scan::{Hashed, Scan, csv_reader};
use super::{dataset::Options, parquet};
use crate::words::streams;
use crate::{Error, Result};

/// Bytes of running text that stand for one token.
const BYTES_A_TOKEN: usize = 4;
/// Bytes in which the first two lines are looked for, which tell one format from another.
const HEAD: u64 = 16 << 20;

#[derive(Debug)]
enum Kind {
    Lines,
    /// What stands between fields, and the names in the first record.
    Csv(u8, Vec<String>),
    /// Objects in an array.
    List,
    Text,
    Columns(Columns),
}

/// One file.
#[derive(Debug)]
pub struct Part {
    pub path: PathBuf,
    file: File,
    kind: Kind,
    /// Where each row begins, and where the last one ends; of Parquet, their numbers.
    offsets: Vec<u64>,
    /// How many rows were kept before each that was left out.
    holes: Vec<usize>,
    /// Of the whole file; of Parquet, of the text of its rows.
    pub digest: [u8; 32],
}

impl Part {
    /// Reads the file once.
    ///
    /// # Errors
    /// `BadValue` for a packed file; those of [`read::read`]; `Interrupted`.
    pub fn open(scan: &mut Scan, options: &Options) -> Result<Self> {
        let path = scan.path;
        let mut file = File::open(path).map_err(Error::io(path))?;
        let head = head(&file).map_err(Error::io(path))?;
        file.rewind().map_err(Error::io(path))?;
        let (kind, digest) = if parquet::is_parquet(&head) {
            let columns = Columns::scan(scan, &file)?;
            (Kind::Columns(columns), scan.hash.take().unwrap_or_default().finalize().into())
        } else if read::is_packed(path) {
            let allowed = streams::NOT_PACKED.text().to_owned();
            return Err(Error::BadValue { option: "stream".into(), given: path.display().to_string(), allowed });
        } else {
            let again = file.try_clone().map_err(Error::io(path))?;
            let mut hashed = Hashed { file: again, hash: Sha256::new() };
            let kind = match read::format(path, String::from_utf8_lossy(&head).trim_start_matches('\u{feff}')) {
                Format::Csv(separator) => Kind::Csv(separator, scan.csv(&mut hashed, separator)?),
                Format::Text => scan.text(&mut hashed, options.block * BYTES_A_TOKEN).map(|()| Kind::Text)?,
                Format::Json => array::list(scan, &mut hashed).map(|()| Kind::List)?,
                Format::Lines => scan.lines(&mut hashed).map(|()| Kind::Lines)?,
            };
            (kind, hashed.hash.finalize().into())
        };
        let nothing = scan.seen == 0 || scan.layout == Some(Layout::Text) && scan.offsets.is_empty();
        if nothing || scan.layout.is_none() {
            return Err(Error::EmptyData { path: path.display().to_string() });
        }
        let (mut offsets, holes) = (std::mem::take(&mut scan.offsets), std::mem::take(&mut scan.holes));
        offsets.push(scan.end);
        offsets.shrink_to_fit();
        Ok(Self { path: path.to_owned(), file, kind, offsets, holes, digest })
    }

    /// Rows that are kept.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Rows that are left out.
    pub fn dropped(&self) -> usize {
        self.holes.len()
    }

    /// Which row of the file the kept row `i` is, from 0.
    pub fn ordinal(&self, i: usize) -> usize {
        i + self.holes.partition_point(|before| *before <= i)
    }

    /// A piece from the middle of a text does not end there.
    pub fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Text)
    }

    /// Row `i`, which had this layout.
    ///
    /// # Errors
    /// `BadRow` where the file has changed.
    pub fn row(&self, i: usize, layout: Layout, chosen: &[String]) -> Result<Row> {
        let fields = match &self.kind {
            Kind::Columns(columns) => columns.row(self.offsets[i]),
            _ => match self.bytes(i) {
                Ok(text) if self.is_text() => return Ok(Row::Text(text.trim_start_matches('\u{feff}').to_owned())),
                text => text.and_then(|text| self.fields(&text).ok_or_else(|| streams::CHANGED.text().to_owned())),
            },
        };
        let row = fields.and_then(|fields| {
            let renamed = layout::chosen(&fields, chosen)?;
            layout::row(layout, renamed.as_ref().unwrap_or(&fields))
        });
        // Of a file that was rewritten the lines tell nothing any more.
        row.map_err(|cause| Error::BadRow { path: self.path.display().to_string(), row: self.ordinal(i) + 1, cause })
    }

    /// What is wrong with row `i`.
    pub fn bad(&self, i: usize, cause: String) -> Error {
        Error::BadRow { path: self.path.display().to_string(), row: self.place(i), cause }
    }

    /// The line of a row, or its number in a list or a table, from 1.
    fn place(&self, i: usize) -> usize {
        if matches!(self.kind, Kind::List | Kind::Columns(_)) {
            return self.ordinal(i) + 1;
        }
        let count = || -> std::io::Result<usize> {
            (&self.file).rewind()?;
            let (mut reader, mut lines) = (BufReader::with_capacity(1 << 20, &self.file).take(self.offsets[i]), 1);
            loop {
                let block = reader.fill_buf()?;
                if block.is_empty() {
                    return Ok(lines);
                }
                lines += block.iter().filter(|byte| **byte == b'\n').count();
                let length = block.len();
                reader.consume(length);
            }
        };
        count().unwrap_or(i + 1)
    }

    fn bytes(&self, i: usize) -> std::result::Result<String, String> {
        let (from, to) = (self.offsets[i], self.offsets[i + 1]);
        let mut bytes = vec![0; (to - from) as usize];
        (&self.file).seek(SeekFrom::Start(from)).and_then(|_| (&self.file).read_exact(&mut bytes)).map_err(|error| error.to_string())?;
        String::from_utf8(bytes).map_err(|_| streams::CHANGED.text().to_owned())
    }

    /// The row that `text` begins with: what follows may be rows that were left out.
    fn fields(&self, text: &str) -> Option<Fields> {
        match &self.kind {
            Kind::Csv(separator, header) => {
                let record = csv_reader(*separator, text.as_bytes()).records().next()?.ok()?;
                let names = header.iter().cloned();
                (record.len() == header.len()).then(|| names.zip(record.iter().map(serde_json::Value::from)).collect())
            }
            Kind::List => serde_json::Deserializer::from_str(text).into_iter().next()?.ok(),
            _ => serde_json::from_str(text.lines().next().unwrap_or_default().trim_start_matches('\u{feff}')).ok(),
        }
    }
}

/// The first two lines that are not blank, as far as they are not very long.
fn head(file: &File) -> std::io::Result<Vec<u8>> {
    let (mut reader, mut head, mut lines) = (BufReader::new(file).take(HEAD), Vec::new(), 0);
    while lines < 2 {
        let from = head.len();
        if reader.read_until(b'\n', &mut head)? == 0 {
            break;
        }
        lines += usize::from(!head[from..].trim_ascii().is_empty());
    }
    Ok(head)
}

/// The size of all files.
///
/// # Errors
/// `NotFound`, `Io`.
pub fn size(paths: &[PathBuf]) -> Result<u64> {
    let one = |path: &PathBuf| std::fs::metadata(path).map(|meta| meta.len()).map_err(Error::io(path));
    paths.iter().map(one).sum()
}

/// Where a stream is told by its first file.
pub fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

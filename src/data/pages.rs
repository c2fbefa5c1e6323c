//! Rows of a Parquet file by number, each from the pages that hold it. Not the pass that checks them: that is [`super::columns`].
//!
//! A page is about 1 MB of one column, so a row costs one page of each column it is made of, however large its row group is. The headers
//! of the pages say where they begin and how many rows they hold; pages of a list in format 1 do not, and may begin inside a row, so
//! their repetition levels are counted (<https://parquet.apache.org/docs/file-format/data-pages/>).

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::column::page::{Page, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::record::Row as Record;
use parquet::record::reader::TreeBuilder;
use parquet::schema::types::SchemaDescPtr;

use super::levels::begun;
use super::window::Window;

/// Bytes of unpacked pages that are kept for the next row.
const KEPT: usize = 64 << 20;

/// A row group whose needed columns were walked.
#[derive(Debug)]
struct Group {
    /// Its first row's number in the file.
    first: u64,
    /// By the number of the column in the row group.
    leaves: HashMap<usize, Leaf>,
}

#[derive(Debug, Default)]
pub struct Leaf {
    pub dictionary: bool,
    pub spots: Vec<Spot>,
}

/// Where a page lies, and the first row that begins in it.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    at: u64,
    bytes: u64,
    pub first: u64,
    /// It begins inside of a row.
    pub inside: bool,
}

#[derive(Debug)]
pub struct Store {
    file: Arc<Watched>,
    pub metadata: Arc<ParquetMetaData>,
    groups: Vec<Group>,
    kept: Mutex<Kept>,
}

/// Unpacked pages by row group, column and number; the dictionary is number 0.
#[derive(Debug, Default)]
struct Kept {
    pages: HashMap<(usize, usize, usize), (u64, Page)>,
    bytes: usize,
    clock: u64,
}

/// The rows of a file, in any order.
#[derive(Debug)]
pub struct Pages {
    store: Arc<Store>,
    schema: SchemaDescPtr,
}

impl Pages {
    /// Walks the page headers of the first `rows` rows, of the columns in `schema` alone.
    ///
    /// # Errors
    /// Those of the format.
    pub fn open(file: File, metadata: &Arc<ParquetMetaData>, schema: SchemaDescPtr, rows: u64) -> Result<Self> {
        let file = Arc::new(Watched { file, at: AtomicU64::new(0) });
        let mut store = Store { file, metadata: metadata.clone(), groups: Vec::new(), kept: Mutex::default() };
        let mut first = 0;
        for (g, group) in metadata.row_groups().iter().enumerate() {
            if first >= rows {
                break;
            }
            let mut leaves = HashMap::new();
            for (c, column) in group.columns().iter().enumerate() {
                if schema.columns().iter().any(|wanted| wanted.path() == column.column_path()) {
                    leaves.insert(c, store.walk(g, c)?);
                }
            }
            store.groups.push(Group { first, leaves });
            first += group.num_rows() as u64;
        }
        Ok(Self { store: Arc::new(store), schema })
    }

    /// # Errors
    /// Those of the format; also where the file has changed.
    pub fn row(&self, row: u64) -> Result<Record> {
        let g = self.store.groups.partition_point(|group| group.first <= row).saturating_sub(1);
        let group = self.store.groups.get(g).ok_or_else(|| missing(row))?;
        let window = Window { store: self.store.clone(), group: g, row: row - group.first };
        let mut rows = TreeBuilder::new().with_batch_size(1).as_iter(self.schema.clone(), &window)?;
        rows.next().ok_or_else(|| missing(row))?
    }
}

fn missing(row: u64) -> ParquetError {
    ParquetError::General(format!("no row {row}"))
}

impl Store {
    /// Where the pages of one column of a row group are.
    fn walk(&self, g: usize, c: usize) -> Result<Leaf> {
        let group = self.metadata.row_group(g);
        let column = group.column(c);
        let (start, length) = column.byte_range();
        let flat = column.column_descr().max_rep_level() == 0;
        let mut reader = SerializedPageReader::new(self.file.clone(), column, group.num_rows() as usize, None)?;
        let (mut leaf, mut first) = (Leaf::default(), 0);
        while let Some(page) = reader.peek_next_page()? {
            if page.is_dict {
                leaf.dictionary = true;
                reader.skip_next_page()?;
                continue;
            }
            // The header was read just now, from where the page begins.
            let at = self.file.at.load(Ordering::Relaxed);
            let known = if flat { page.num_levels.or(page.num_rows) } else { page.num_rows };
            let (rows, inside) = match known {
                Some(rows) => (rows, false),
                None => reader.get_next_page()?.map_or(Ok((0, false)), |page| begun(&page, column.column_descr().max_rep_level()))?,
            };
            if known.is_some() {
                reader.skip_next_page()?;
            }
            if let Some(before) = leaf.spots.last_mut() {
                before.bytes = at - before.at;
            }
            leaf.spots.push(Spot { at, bytes: start + length - at, first, inside });
            first += rows as u64;
        }
        Ok(leaf)
    }

    /// The pages of a column, if it was walked.
    pub fn leaf(&self, g: usize, c: usize) -> Option<&Leaf> {
        self.groups.get(g)?.leaves.get(&c)
    }

    /// A page, unpacked: from those that were kept, else from the file.
    pub fn page(&self, g: usize, c: usize, number: usize) -> Result<Option<Page>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = kept.get((g, c, number)) {
            return Ok(Some(page));
        }
        let group = self.metadata.row_group(g);
        let (column, rows) = (group.column(c), group.num_rows() as usize);
        let leaf = self.leaf(g, c);
        let page = match leaf.zip(number.checked_sub(1)) {
            None => SerializedPageReader::new(self.file.clone(), column, rows, None)?.get_next_page()?,
            Some((leaf, i)) => {
                let Some(spot) = leaf.spots.get(i) else { return Ok(None) };
                let length = i32::try_from(spot.bytes)?;
                let place = PageLocation { offset: spot.at as i64, compressed_page_size: length, first_row_index: 0 };
                let mut reader = SerializedPageReader::new(self.file.clone(), column, rows, Some(vec![place]))?;
                // The reader takes all that stands before for a dictionary.
                if spot.at != column.byte_range().0 {
                    reader.skip_next_page()?;
                }
                reader.get_next_page()?
            }
        };
        if let Some(page) = &page {
            kept.put((g, c, number), page);
        }
        Ok(page)
    }
}

impl Kept {
    fn get(&mut self, key: (usize, usize, usize)) -> Option<Page> {
        self.clock += 1;
        let (used, page) = self.pages.get_mut(&key)?;
        *used = self.clock;
        Some(page.clone())
    }

    /// The ones that were not used for longest make room.
    fn put(&mut self, key: (usize, usize, usize), page: &Page) {
        self.bytes += page.buffer().len();
        while self.bytes > KEPT {
            let Some(oldest) = self.pages.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key) else { break };
            self.bytes -= self.pages.remove(&oldest).map_or(0, |(_, page)| page.buffer().len());
        }
        self.pages.insert(key, (self.clock, page.clone()));
    }
}

/// A file that notes where it was read last.
#[derive(Debug)]
struct Watched {
    file: File,
    at: AtomicU64,
}

impl Length for Watched {
    fn len(&self) -> u64 {
        Length::len(&self.file)
    }
}

impl ChunkReader for Watched {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        self.at.store(start, Ordering::Relaxed);
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        // A header is some dozens of bytes.
        Ok(BufReader::with_capacity(512, file))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.file.get_bytes(start, length)
    }
}

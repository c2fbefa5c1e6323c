//! A row group that begins at one of its rows, for the assembly of rows that the library has: each column starts at the page in which the
//! row begins, and what stands before the row in that page is skipped.

use std::sync::Arc;

use parquet::bloom_filter::Sbbf;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::column::reader::{ColumnReader, get_column_reader};
use parquet::errors::Result;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::RowGroupReader;
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;

use super::pages::{Spot, Store};

/// A row group from one of its rows on.
pub struct Window {
    pub store: Arc<Store>,
    pub group: usize,
    /// Counted from the group's first.
    pub row: u64,
}

impl Window {
    /// The page in which the row begins, and what stands before the row in it.
    fn start(&self, c: usize) -> (usize, usize) {
        let spots = self.store.leaf(self.group, c).map_or(&[][..], |leaf| &leaf.spots);
        // The last one, for pages in which no row begins count the row after.
        let i = spots.partition_point(|spot| spot.first <= self.row).saturating_sub(1);
        let before = spots.get(i).map_or(0, |spot| self.row - spot.first + u64::from(spot.inside));
        (i, before as usize)
    }
}

impl RowGroupReader for Window {
    fn metadata(&self) -> &RowGroupMetaData {
        self.store.metadata.row_group(self.group)
    }

    fn num_columns(&self) -> usize {
        self.metadata().num_columns()
    }

    fn get_column_page_reader(&self, c: usize) -> Result<Box<dyn PageReader>> {
        let dictionary = self.store.leaf(self.group, c).is_some_and(|leaf| leaf.dictionary);
        Ok(Box::new(Turner { store: self.store.clone(), group: self.group, column: c, dictionary, next: self.start(c).0 }))
    }

    fn get_column_reader(&self, c: usize) -> Result<ColumnReader> {
        let mut reader = get_column_reader(self.metadata().column(c).column_descr_ptr(), self.get_column_page_reader(c)?);
        let before = self.start(c).1;
        match &mut reader {
            ColumnReader::BoolColumnReader(reader) => reader.skip_records(before),
            ColumnReader::Int32ColumnReader(reader) => reader.skip_records(before),
            ColumnReader::Int64ColumnReader(reader) => reader.skip_records(before),
            ColumnReader::Int96ColumnReader(reader) => reader.skip_records(before),
            ColumnReader::FloatColumnReader(reader) => reader.skip_records(before),
            ColumnReader::DoubleColumnReader(reader) => reader.skip_records(before),
            ColumnReader::ByteArrayColumnReader(reader) => reader.skip_records(before),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => reader.skip_records(before),
        }?;
        Ok(reader)
    }

    fn get_column_bloom_filter(&self, _: usize) -> Option<&Sbbf> {
        None
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_row_group(projection, self)
    }
}

/// The pages of one column from one on, after its dictionary.
struct Turner {
    store: Arc<Store>,
    group: usize,
    column: usize,
    /// Still to be given.
    dictionary: bool,
    next: usize,
}

impl Turner {
    fn spots(&self) -> &[Spot] {
        self.store.leaf(self.group, self.column).map_or(&[], |leaf| &leaf.spots)
    }
}

impl Iterator for Turner {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Turner {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        if std::mem::take(&mut self.dictionary) {
            return self.store.page(self.group, self.column, 0);
        }
        self.next += 1;
        self.store.page(self.group, self.column, self.next)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        let more = self.dictionary || self.next < self.spots().len();
        Ok(more.then_some(PageMetadata { num_rows: None, num_levels: None, is_dict: self.dictionary }))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.dictionary) {
            self.next += 1;
        }
        Ok(())
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        Ok(self.spots().get(self.next).is_none_or(|spot| !spot.inside))
    }
}

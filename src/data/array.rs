//! The one pass over a JSON file: an array of objects, or an object that holds the array under `data`, read element by element.
//!
//! The parser reads the file itself, so a fault has the line and column that reading it whole would say; what it read of one element is
//! dropped before the next.

use std::cell::Cell;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::layout::Fields;
use super::scan::Scan;
use crate::words::ui;
use crate::{Error, Result};

const BLOCK: usize = 1 << 18;

/// Gives bytes one by one and counts them: the parser asks for no more than it looks at.
struct Counted<'c, R> {
    from: R,
    block: Vec<u8>,
    at: usize,
    /// Where in the file the next byte stands.
    place: &'c Cell<u64>,
    /// Whether there was anything but blanks.
    something: &'c Cell<bool>,
}

impl<R: Read> Counted<'_, R> {
    /// False at the end.
    fn fill(&mut self) -> std::io::Result<bool> {
        self.block.resize(BLOCK, 0);
        let count = self.from.read(&mut self.block)?;
        self.block.truncate(count);
        self.at = 0;
        if self.place.get() == 0 && self.block.starts_with(b"\xef\xbb\xbf") {
            self.at = 3;
            self.place.set(3);
        }
        let blank = |byte: &u8| byte.is_ascii_whitespace();
        self.something.set(self.something.get() || !self.block[self.at..].iter().all(blank));
        Ok(count > 0)
    }
}

impl<R: Read> Read for Counted<'_, R> {
    #[inline]
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if into.is_empty() || self.at == self.block.len() && !self.fill()? {
            return Ok(0);
        }
        into[0] = self.block[self.at];
        self.at += 1;
        self.place.set(self.place.get() + 1);
        Ok(1)
    }
}

/// Notes where the objects of the array are.
///
/// # Errors
/// `BadRow`, as reading the file whole would say it; `NotUtf8`, `EmptyData`, `Interrupted`.
pub fn list(scan: &mut Scan, from: impl Read) -> Result<()> {
    let (place, something) = (Cell::new(0), Cell::new(false));
    let counted = Counted { from, block: Vec::new(), at: 0, place: &place, something: &something };
    let mut parser = serde_json::Deserializer::from_reader(counted);
    let mut walk = Walk { scan, place: &place, failed: None, done: false, named: false };
    let read = (&mut parser).deserialize_any(&mut walk).and_then(|()| parser.end());
    let Walk { failed, done, named, .. } = walk;
    match (failed, read) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(()),
        (None, Err(_)) if done => Ok(()),
        (None, Err(_)) if !something.get() => Err(Error::EmptyData { path: scan.path.display().to_string() }),
        (None, Err(error)) if error.is_data() && named => Err(scan.bad(1, ui::NOT_A_LIST.with(&[("name", &"data")]))),
        (None, Err(error)) if error.is_data() => Err(scan.bad(1, ui::NOT_AN_OBJECT.with(&[("name", &1)]))),
        (None, Err(error)) => Err(scan.not_utf8()?.unwrap_or_else(|| scan.bad(error.line(), error.to_string()))),
    }
}

struct Walk<'w, 's> {
    scan: &'w mut Scan<'s>,
    place: &'w Cell<u64>,
    /// What is wrong in a row, as far as it is not the parser that says it.
    failed: Option<Error>,
    /// No more rows are wanted.
    done: bool,
    /// It is the value of `data` that is read.
    named: bool,
}

impl Walk<'_, '_> {
    /// An element, which stands in the file from byte `from` on.
    fn element(&mut self, from: u64, element: Value) -> Result<bool> {
        let row = self.scan.seen + 1;
        let Value::Object(fields) = element else { return Err(self.scan.bad(row, ui::NOT_AN_OBJECT.with(&[("name", &row)]))) };
        self.scan.row(row, from, &fields)?;
        self.scan.end = self.place.get();
        self.scan.enough(row, self.place.get())
    }
}

impl<'de> Visitor<'de> for &mut Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, to: &mut std::fmt::Formatter) -> std::fmt::Result {
        to.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<(), A::Error> {
        while let Some((from, element)) = list.next_element_seed(Element(self.place))? {
            match self.element(from, element) {
                Ok(false) => {}
                Ok(true) => self.done = true,
                Err(error) => self.failed = Some(error),
            }
            if self.done || self.failed.is_some() {
                return Err(A::Error::custom(""));
            }
        }
        Ok(())
    }

    /// Without `data`, the object is the only row.
    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> std::result::Result<(), A::Error> {
        let (from, mut fields) = (self.place.get() - 1, Fields::new());
        let mut found = false;
        while let Some(name) = object.next_key::<String>()? {
            if name == "data" {
                (found, self.named) = (true, true);
                object.next_value_seed(Inner(self))?;
                self.named = false;
            } else if found {
                object.next_value::<IgnoredAny>()?;
            } else {
                fields.insert(name, object.next_value()?);
            }
        }
        if !found {
            self.failed = self.element(from, Value::Object(fields)).err();
        }
        Ok(())
    }
}

/// An element and where it begins: its first byte was looked at, and no more.
struct Element<'c>(&'c Cell<u64>);

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = (u64, Value);

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> std::result::Result<Self::Value, D::Error> {
        let place = self.0.get() - 1;
        serde::Deserialize::deserialize(from).map(|value| (place, value))
    }
}

/// The array under `data`.
struct Inner<'i, 'w, 's>(&'i mut Walk<'w, 's>);

impl<'de> DeserializeSeed<'de> for Inner<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> std::result::Result<(), D::Error> {
        from.deserialize_seq(self.0)
    }
}

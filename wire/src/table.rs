//! A small table: headings and rows of text.

use crate::code::coded;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// May be empty: a list of names and values.
    pub headings: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without headings: names on the left, values on the right.
    pub fn pairs<K: Into<String>, V: Into<String>>(rows: impl IntoIterator<Item = (K, V)>) -> Self {
        let rows = rows.into_iter().map(|(k, v)| vec![k.into(), v.into()]).collect();
        Self { headings: Vec::new(), rows }
    }
}

coded!(Table { headings, rows });

//! Charts from numbers, and showing them where the cell is.

use wire::lab::Ask;
use wire::{Bars, Chart, Curve, Form, Group, Heatmap, Histogram, Series, Table};

use crate::channel::ask;
use crate::{Result, Tensor};

/// What [`show`] takes.
pub trait Show {
    #[doc(hidden)]
    fn request(&self, id: Option<String>) -> Ask;
}

/// HTML for notebooks; a terminal shows it as it is written.
#[derive(Clone, Debug)]
pub struct Html(pub String);

/// An SVG picture, as its text.
#[derive(Clone, Debug)]
pub struct Svg(pub String);

/// A PNG picture, as its bytes.
#[derive(Clone, Debug)]
pub struct Png(pub Vec<u8>);

impl Show for Chart {
    fn request(&self, id: Option<String>) -> Ask {
        Ask::Chart { id, chart: self.clone() }
    }
}

impl Show for Table {
    fn request(&self, _id: Option<String>) -> Ask {
        Ask::Table { table: self.clone() }
    }
}

impl Show for Html {
    fn request(&self, id: Option<String>) -> Ask {
        Ask::Show { id, forms: vec![Form::new("text/html", &*self.0), Form::new(Form::TEXT, &*self.0)] }
    }
}

impl Show for Svg {
    fn request(&self, id: Option<String>) -> Ask {
        Ask::Show { id, forms: vec![Form::new("image/svg+xml", &*self.0), Form::new(Form::TEXT, "(a picture)")] }
    }
}

impl Show for Png {
    fn request(&self, id: Option<String>) -> Ask {
        Ask::Show { id, forms: vec![Form::new("image/png", base64(&self.0)), Form::new(Form::TEXT, "(a picture)")] }
    }
}

impl Show for Tensor {
    fn request(&self, id: Option<String>) -> Ask {
        if self.shape().len() == 2 { heatmap(self).request(id) } else { Html(format!("{self:?}")).request(id) }
    }
}

/// Shows it under the cell, at once.
///
/// # Errors
/// The session is gone.
pub fn show(what: &impl Show) -> Result<()> {
    ask(&what.request(None)).map(drop)
}

/// Shows it, or puts it in the place of what this cell showed as `id` before.
///
/// # Errors
/// The session is gone.
pub fn show_as(id: &str, what: &impl Show) -> Result<()> {
    ask(&what.request(Some(id.to_owned()))).map(drop)
}

/// A bar under the cell; gone when `n == of`.
///
/// # Errors
/// The session is gone.
pub fn progress(label: &str, n: u64, of: u64) -> Result<()> {
    ask(&Ask::Progress { id: label.to_owned(), n, of, label: label.to_owned() }).map(drop)
}

/// Lines over x; each is a name and its points.
pub fn curve(title: &str, lines: &[(&str, Vec<(f64, f64)>)]) -> Chart {
    let series = lines.iter().map(|(name, points)| Series { name: (*name).to_owned(), points: points.clone() }).collect();
    Chart::Curve(Curve { title: title.to_owned(), series, ..Curve::default() })
}

/// One bar for each label.
pub fn bars(title: &str, values: &[(String, f64)]) -> Chart {
    let (labels, values) = values.iter().cloned().unzip();
    Chart::Bars(Bars { title: title.to_owned(), labels, groups: vec![Group { values, ..Group::default() }], ..Bars::default() })
}

/// A matrix `[rows, columns]` as colours, its rows and columns counted from 0; anything else is drawn as one row.
///
/// ```text
/// lab::show(&lab::heatmap(&lab::attention("The cat sat", 0)?.index(0)))?;
/// ```
pub fn heatmap(matrix: &Tensor) -> Chart {
    let (rows, columns) = sides(matrix);
    let names = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
    heatmap_of("", matrix, &names(rows), &names(columns))
}

/// [`heatmap`] with a title and a name for each row and column; names that are missing are empty.
pub fn heatmap_of(title: &str, matrix: &Tensor, rows: &[String], columns: &[String]) -> Chart {
    let sides = sides(matrix);
    let names = |names: &[String], n: usize| (0..n).map(|i| names.get(i).cloned().unwrap_or_default()).collect();
    let values = matrix.data().iter().map(|x| f64::from(*x)).collect();
    let (rows, columns) = (names(rows, sides.0), names(columns, sides.1));
    Chart::Heatmap(Heatmap { title: title.to_owned(), columns, rows, values, ..Heatmap::default() })
}

fn sides(matrix: &Tensor) -> (usize, usize) {
    match matrix.shape() {
        [rows, columns] => (*rows, *columns),
        _ => (1, matrix.len()),
    }
}

/// How often values fall into `bins` equal ranges between the smallest and the largest.
pub fn histogram(title: &str, values: &Tensor, bins: usize) -> Chart {
    let finite: Vec<f64> = values.data().iter().map(|x| f64::from(*x)).filter(|x| x.is_finite()).collect();
    let (low, high) = finite.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
    let bins = bins.max(1);
    let width = if high > low { (high - low) / bins as f64 } else { 1.0 };
    let low = if low.is_finite() { low } else { 0.0 };
    let mut counts = vec![0.0; bins];
    finite.iter().for_each(|x| counts[(((x - low) / width) as usize).min(bins - 1)] += 1.0);
    let edges = (0..=bins).map(|i| low + width * i as f64).collect();
    let groups = vec![Group { values: counts, ..Group::default() }];
    Chart::Histogram(Histogram { title: title.to_owned(), edges, groups, ..Histogram::default() })
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * i)) as usize & 63] as char;
            out.push(if i <= chunk.len() { letter } else { '=' });
        }
    }
    out
}

//! A chart as data: recorded once, drawn by each front end in its own way.

use crate::code::{coded, coded_enum};

#[derive(Clone, Debug, PartialEq)]
pub enum Chart {
    Curve(Curve),
    Bars(Bars),
    Heatmap(Heatmap),
    Histogram(Histogram),
    Spans(Spans),
}

/// Lines over a shared x axis, with marked points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    pub title: String,
    pub x_label: String,
    pub y_label: String,
    pub series: Vec<Series>,
    pub marks: Vec<Mark>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    pub name: String,
    /// (x, y), x ascending; a non-finite y is a gap.
    pub points: Vec<(f64, f64)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    pub x: f64,
    pub y: f64,
    pub label: String,
}

/// Horizontal bars: one row a label, one bar a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bars {
    pub title: String,
    pub x_label: String,
    pub labels: Vec<String>,
    pub groups: Vec<Group>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    pub name: String,
    /// One value a label.
    pub values: Vec<f64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heatmap {
    pub title: String,
    pub x_label: String,
    pub y_label: String,
    pub columns: Vec<String>,
    pub rows: Vec<String>,
    /// Row-major, `rows.len() * columns.len()`.
    pub values: Vec<f64>,
}

/// Counts between edges; several groups share the edges.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    pub title: String,
    pub x_label: String,
    /// `counts + 1` of them, ascending.
    pub edges: Vec<f64>,
    pub groups: Vec<Group>,
}

/// Running text cut into coloured pieces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spans {
    pub title: String,
    pub spans: Vec<Span>,
    /// The meaning of each tone, by index; empty where tones only tell neighbours apart.
    pub legend: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    pub text: String,
    /// Shown beside or under the text (a token id); may be empty.
    pub note: String,
    /// Index of a colour.
    pub tone: usize,
}

coded!(Curve { title, x_label, y_label, series, marks });
coded!(Series { name, points });
coded!(Mark { x, y, label });
coded!(Bars { title, x_label, labels, groups });
coded!(Group { name, values });
coded!(Heatmap { title, x_label, y_label, columns, rows, values });
coded!(Histogram { title, x_label, edges, groups });
coded!(Spans { title, spans, legend });
coded!(Span { text, note, tone });
coded_enum!(Chart { 0 => Curve(chart), 1 => Bars(chart), 2 => Heatmap(chart), 3 => Histogram(chart), 4 => Spans(chart) });

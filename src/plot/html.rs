//! Spans and tables as HTML with inline styles only: notebooks keep no style sheet of ours.

use std::fmt::Write;

use wire::{Spans, Table};

use super::columns::{one_line, shown};
use super::palette::{INK, span};
use super::table::numeric_columns;

/// Coloured running text: the note is shown below a token and as its tooltip.
pub fn spans_html(spans: &Spans) -> String {
    let mut out = String::from("<div style=\"line-height:1.9\">\n");
    if !spans.title.is_empty() {
        let _ = writeln!(out, "<div style=\"font-weight:600\">{}</div>", escaped(&one_line(&spans.title)));
    }
    if !spans.legend.is_empty() {
        out.push_str("<div style=\"font-size:85%\">");
        for (i, name) in spans.legend.iter().enumerate() {
            let _ = write!(out, "<span style=\"{}\">{}</span> ", swatch(i), escaped(&one_line(name)));
        }
        out.push_str("</div>\n");
    }
    out.push_str("<div style=\"font-family:monospace;white-space:pre-wrap;overflow-wrap:anywhere\">");
    for one in &spans.spans {
        push_span(&mut out, &one.text, &one.note, one.tone);
    }
    out.push_str("</div>\n</div>\n");
    out
}

fn push_span(out: &mut String, text: &str, note: &str, tone: usize) {
    let visible = if text.is_empty() { "∅".to_owned() } else { shown(text) };
    let visible = escaped(&visible).replace('⏎', "⏎<br>");
    let note = escaped(&one_line(note));
    if note.is_empty() {
        let _ = write!(out, "<span style=\"{}\">{visible}</span>", swatch(tone));
        return;
    }
    // A line end inside an inline block would not break the line: it is put after the block.
    let (visible, after) = visible.strip_suffix("<br>").map_or((visible.as_str(), ""), |v| (v, "<br>"));
    let _ = write!(
        out,
        "<span title=\"{note}\" style=\"display:inline-block;text-align:center;vertical-align:top;margin-right:1px;line-height:1.4\">\
         <span style=\"{}\">{visible}</span><br><small style=\"opacity:.65;font-size:70%\">{note}</small></span>{after}",
        swatch(tone)
    );
}

/// The background of a tone and an ink that reads on it in light and dark notebooks.
fn swatch(tone: usize) -> String {
    format!("background:{};color:{};border-radius:3px;padding:1px 2px", span(tone).hex(), INK.hex())
}

/// A table; columns of numbers stand right. Cells are escaped, their line ends kept.
pub fn table_html(table: &Table) -> String {
    let right = numeric_columns(table);
    let align = |i: usize| if right.get(i) == Some(&true) { "right" } else { "left" };
    let mut out = String::from("<table>\n");
    if !table.headings.is_empty() {
        out.push_str("<thead><tr>");
        for (i, heading) in table.headings.iter().enumerate() {
            let _ = write!(out, "<th style=\"text-align:{}\">{}</th>", align(i), cell(heading));
        }
        out.push_str("</tr></thead>\n");
    }
    out.push_str("<tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for (i, text) in row.iter().enumerate() {
            let tag = if table.headings.is_empty() && i == 0 && row.len() > 1 { "th" } else { "td" };
            let _ = write!(out, "<{tag} style=\"text-align:{}\">{}</{tag}>", align(i), cell(text));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n");
    out
}

fn cell(text: &str) -> String {
    text.lines().map(|line| escaped(&one_line(line))).collect::<Vec<_>>().join("<br>")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

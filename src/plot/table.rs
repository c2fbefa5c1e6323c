//! Tables as aligned text.

use wire::Table;

use super::columns::{columns, cut, one_line, pad_left, pad_right};

const GAP: usize = 2;
/// A column is not cut below this.
const NARROW: usize = 4;

/// Aligned columns, at most `width` wide: numbers right, long cells cut with `…`; every line ends with a newline.
pub fn table_text(table: &Table, width: usize) -> String {
    let headings: Vec<String> = table.headings.iter().map(|h| one_line(h)).collect();
    let rows: Vec<Vec<String>> = table.rows.iter().map(|row| row.iter().map(|c| one_line(c)).collect()).collect();
    let count = rows.iter().map(Vec::len).chain([headings.len()]).max().unwrap_or(0);
    let widest = |i: usize| rows.iter().chain([&headings]).filter_map(|r| r.get(i)).map(|c| columns(c)).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..count).map(widest).collect();
    shrink(&mut widths, width);
    let right = numeric_columns(table);
    let mut out = String::new();
    let mut push = |row: &[String]| {
        let mut line = String::new();
        for (i, &wide) in widths.iter().enumerate() {
            let text = cut(row.get(i).map_or("", String::as_str), wide);
            let text = if right.get(i) == Some(&true) { pad_left(&text, wide) } else { pad_right(&text, wide) };
            line.push_str(&text);
            line.push_str(&" ".repeat(GAP));
        }
        out.push_str(&cut(line.trim_end(), width));
        out.push('\n');
    };
    if !headings.is_empty() {
        push(&headings);
        push(&widths.iter().map(|&w| "─".repeat(w)).collect::<Vec<_>>());
    }
    rows.iter().for_each(|row| push(row));
    out
}

/// Takes columns from the widest until the table fits.
fn shrink(widths: &mut [usize], width: usize) {
    let gaps = GAP * widths.len().saturating_sub(1);
    let mut over = (widths.iter().sum::<usize>() + gaps).saturating_sub(width);
    while over > 0 {
        let Some(widest) = widths.iter_mut().max() else { return };
        if *widest <= NARROW {
            return;
        }
        *widest -= 1;
        over -= 1;
    }
}

/// The columns whose cells are all numbers, perhaps with a short unit; name/value lists have none.
pub fn numeric_columns(table: &Table) -> Vec<bool> {
    if table.headings.is_empty() {
        return Vec::new();
    }
    let numeric = |i: usize| {
        let mut cells = table.rows.iter().filter_map(|r| r.get(i)).filter(|c| !matches!(c.trim(), "" | "–" | "-")).peekable();
        cells.peek().is_some() && cells.all(|c| is_number(c.trim()))
    };
    (0..table.headings.len()).map(numeric).collect()
}

fn is_number(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-', '−', '±']).unwrap_or(text);
    let tail = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ','));
    if tail.len() == text.len() {
        return matches!(text, "NaN" | "∞");
    }
    let exponent = tail.strip_prefix('e').map(|e| e.strip_prefix('-').unwrap_or(e));
    let exponent = exponent.is_some_and(|e| !e.is_empty() && e.chars().all(|c| c.is_ascii_digit()));
    exponent || (tail.chars().count() <= 6 && !tail.chars().any(|c| c.is_ascii_digit()))
}

//! What front ends draw: a chart, a table or an error as one bundle of MIME types, always with a text twin.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lantern::plot;
use serde_json::{Value, json};
use wire::{Chart, Form, Report, Table};

/// Columns of the text twins.
const WIDTH: usize = 80;

/// HTML where text looks better (spans), SVG for the rest; both with text.
pub fn chart(chart: &Chart) -> Value {
    drawn(|| {
        let plain = plot::plain(chart, WIDTH);
        match plot::html(chart) {
            Some(html) => json!({ "text/html": html, "text/plain": plain }),
            None => json!({ "image/svg+xml": plot::svg(chart), "text/plain": plain }),
        }
    })
}

pub fn table(table: &Table) -> Value {
    drawn(|| json!({ "text/html": plot::table_html(table), "text/plain": plot::table_text(table, WIDTH) }))
}

/// As it comes; JSON as the value that it is.
pub fn forms(forms: &[Form]) -> Value {
    let body = |form: &Form| match form.mime.as_str() {
        Form::JSON => serde_json::from_str(&form.body).unwrap_or_else(|_| Value::from(form.body.clone())),
        _ => Value::from(form.body.clone()),
    };
    forms.iter().map(|form| (form.mime.clone(), body(form))).collect()
}

/// The content of an `error` message and of the reply: what went wrong, where, why, what to type next.
pub fn error(report: &Report, code: &str) -> Value {
    let mut lines = vec![report.message.clone()];
    if let Some((start, end)) = report.span {
        lines.extend(underlined(code, start, end));
    }
    lines.extend(report.cause.iter().map(|cause| format!("  {cause}")));
    lines.extend(report.hint.iter().map(|hint| format!("  → {hint}")));
    json!({ "ename": report.name, "evalue": report.message, "traceback": lines })
}

/// The line of the cell that holds `start`, and marks under the range; nothing if the range is all of the cell, or not
/// in it.
fn underlined(code: &str, start: usize, end: usize) -> Option<String> {
    let before = code.get(..start)?;
    let given = code.get(start..end.max(start)).filter(|given| given.trim() != code.trim())?.lines().next().unwrap_or_default();
    let from = before.rfind('\n').map_or(0, |at| at + 1);
    let line = code[from..].lines().next()?;
    let width = |text: &str| unicode_width::UnicodeWidthStr::width(text);
    Some(format!("  {line}\n  {}{}", " ".repeat(width(&code[from..start])), "^".repeat(width(given).max(1))))
}

/// A fault in drawing must not take the cell's output down with it.
fn drawn(draw: impl FnOnce() -> Value) -> Value {
    catch_unwind(AssertUnwindSafe(draw)).unwrap_or_else(|_| json!({ "text/plain": lantern::words::ui::CANNOT_DRAW.text() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_is_wrong_is_underlined() {
        let code = "%load spark\n%tokens 模型 x=1\n";
        let at = code.find("x=1").expect("x=1");
        let report =
            Report { message: "no".into(), hint: Some("yes".into()), span: Some((at, at + 3)), cause: Some("so".into()), name: "N".into() };
        assert_eq!(error(&report, code)["traceback"], json!(["no", "  %tokens 模型 x=1\n               ^^^", "  so", "  → yes"]));
        for range in [(500, 501), (0, code.len()), (at - 2, at)] {
            let report = Report { span: Some(range), ..report.clone() };
            assert_eq!(error(&report, code)["traceback"], json!(["no", "  so", "  → yes"]), "{range:?}");
        }
    }
}

//! A report as the few lines a person reads: what, where, why, what to type next.

use lantern::words::ui;
use unicode_width::UnicodeWidthStr;
use wire::Report;

use crate::paint::{Paint, Role};

/// `place` says which cell of a script; `code` is the cell that `report.span` points into, or empty.
pub fn error(report: &Report, place: Option<&str>, code: &str, paint: Paint) -> String {
    let head = paint.role(Role::Error, &format!("{}:", ui::ERROR));
    let mut text = format!("{head} {}\n", report.message);
    if let Some(place) = place {
        text += &format!("  {}\n", paint.role(Role::Note, place));
    }
    if let Some((line, marks)) = report.span.and_then(|span| pointed(code, span)) {
        text += &format!("  {line}\n  {}\n", paint.role(Role::Error, &marks));
    }
    if let Some(cause) = &report.cause {
        text += &cause.lines().map(|line| format!("  {line}\n")).collect::<String>();
    }
    if let Some(hint) = &report.hint {
        text += &format!("{} {hint}\n", paint.role(Role::Hint, &format!("{}:", ui::HINT)));
    }
    text
}

/// The line that holds the span's start and carets under it; nothing if the span is the whole cell.
fn pointed(code: &str, (start, end): (usize, usize)) -> Option<(String, String)> {
    if start >= end || code.get(start..end)?.trim() == code.trim() {
        return None;
    }
    let from = code[..start].rfind('\n').map_or(0, |i| i + 1);
    let line = code[from..].lines().next()?;
    let end = end.min(from + line.len());
    let before = code[from..start].replace('\t', " ");
    let under = code.get(start..end)?;
    Some((line.replace('\t', " "), format!("{}{}", " ".repeat(before.width()), "^".repeat(under.width().max(1)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Depth;

    #[test]
    fn the_span_is_pointed_at() {
        let report = Report {
            message: "no option `epoch`".into(),
            hint: Some("did you mean `epochs`?".into()),
            span: Some((19, 26)),
            ..Report::default()
        };
        let code = "%load 模\n%train  epoch=3\n";
        let text = error(&report, Some("in cell 2 of 3"), code, Paint { depth: Depth::None });
        assert_eq!(
            text,
            "error: no option `epoch`\n  in cell 2 of 3\n  %train  epoch=3\n          ^^^^^^^\nhint: did you mean `epochs`?\n"
                .replace("          ^", "         ^")
        );
        let whole = Report { span: Some((0, 5)), ..Report::default() };
        assert!(!error(&whole, None, "%load", Paint { depth: Depth::None }).contains('^'));
        let wild = Report { span: Some((7, 90)), ..Report::default() };
        assert!(!error(&wild, None, code, Paint { depth: Depth::None }).contains('^'), "a span outside the cell is ignored");
    }
}

//! A file of cells: a notebook's code cells, or text split at lines that start with `# %%`.

use std::io::Read;
use std::path::Path;

use lantern::words::ui;
use serde_json::Value;
use wire::Report;

#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// From 1; for a notebook, among its code cells.
    pub number: usize,
    /// What follows `# %%`, may be empty.
    pub title: String,
    pub code: String,
}

/// Reads `path`; `-` is standard input. Cells without code are left out but counted.
pub fn read(path: &Path) -> Result<Vec<Cell>, Report> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(path).map(|all| bytes = all)
    };
    let shown = path.display().to_string();
    read.map_err(|source| report("Io", ui::CANNOT_READ.with(&[("path", &shown)]), &source.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|source| {
        let line = source.as_bytes()[..source.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        report("NotUtf8", ui::SCRIPT_NOT_UTF8.with(&[("path", &shown), ("line", &line)]), "")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("ipynb")) {
        true => notebook(text).map_err(|cause| report("BadNotebook", ui::BAD_NOTEBOOK.with(&[("path", &shown)]), &cause)),
        false => Ok(split(text)),
    }
}

/// Cells of a text; what stands before the first `# %%` is a cell too, unless it is blank.
pub fn split(text: &str) -> Vec<Cell> {
    let mut cells = vec![(String::new(), String::new())];
    for line in text.lines() {
        match (marker(line), cells.last_mut()) {
            (Some(title), _) => cells.push((title.to_owned(), String::new())),
            (None, Some((_, code))) => code.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    let blank_start = cells.first().is_some_and(|(_, code)| code.trim().is_empty());
    let cells = cells.into_iter().skip(usize::from(blank_start)).enumerate();
    keep(cells.map(|(i, (title, code))| Cell { number: i + 1, title, code }).collect())
}

fn marker(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = ["# %%", "#%%", "// %%"].iter().find_map(|mark| line.strip_prefix(mark))?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

/// nbformat 4: <https://nbformat.readthedocs.io/en/latest/format_description.html>
fn notebook(text: &str) -> Result<Vec<Cell>, String> {
    let notebook: Value = serde_json::from_str(text).map_err(|source| source.to_string())?;
    let cells = notebook.get("cells").and_then(Value::as_array).ok_or_else(|| ui::NO_CELLS.to_string())?;
    let code = cells.iter().filter(|cell| cell.get("cell_type").and_then(Value::as_str) == Some("code"));
    Ok(keep(code.enumerate().map(|(i, cell)| Cell { number: i + 1, title: String::new(), code: source(cell) }).collect()))
}

/// A cell's source is one string or a list of lines.
fn source(cell: &Value) -> String {
    match cell.get("source") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

fn keep(cells: Vec<Cell>) -> Vec<Cell> {
    let trimmed = cells.into_iter().map(|cell| Cell { code: cell.code.trim_matches(['\n', '\r']).trim_end().to_owned(), ..cell });
    trimmed.filter(|cell| !cell.code.trim().is_empty()).collect()
}

fn report(name: &str, message: String, cause: &str) -> Report {
    Report { name: name.to_owned(), message, cause: (!cause.is_empty()).then(|| cause.to_owned()), ..Report::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<(usize, String)> {
        split(text).into_iter().map(|cell| (cell.number, cell.code)).collect()
    }

    #[test]
    fn text_is_split_at_markers_and_empty_cells_keep_their_number() {
        assert_eq!(codes("%load spark\n"), [(1, "%load spark".to_owned())]);
        assert_eq!(codes("# %% one\r\n%a\r\n# %%\n\n# %% three\n%c\n%d"), [(1, "%a".to_owned()), (3, "%c\n%d".to_owned())]);
        assert_eq!(codes("%a\n# %%\n%b"), [(1, "%a".to_owned()), (2, "%b".to_owned())]);
        assert_eq!(codes("# %%no marker\n"), [(1, "# %%no marker".to_owned())]);
        assert!(codes("\n\n").is_empty());
    }

    #[test]
    fn a_notebook_gives_its_code_cells() {
        let text = r##"{"nbformat":4,"cells":[{"cell_type":"markdown","source":"# hi"},{"cell_type":"code","source":["%a\n","%b"]},
            {"cell_type":"code","source":""},{"cell_type":"code","source":"%c"}]}"##;
        let cells: Vec<_> = notebook(text).unwrap().into_iter().map(|cell| (cell.number, cell.code)).collect();
        assert_eq!(cells, [(1, "%a\n%b".to_owned()), (3, "%c".to_owned())]);
        assert!(notebook("{}").is_err());
        assert!(notebook("not json").is_err());
    }
}

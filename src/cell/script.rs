//! A text file of cells, split at lines `# %%`.

/// The cells of a script, without the lines that part them and without empty ones.
pub fn cells(text: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    for line in text.lines() {
        if line.trim_start().starts_with("# %%") || line.trim_start().starts_with("// %%") {
            cells.push(String::new());
        } else if let Some(cell) = cells.last_mut() {
            cell.push_str(line);
            cell.push('\n');
        }
    }
    cells.into_iter().map(|cell| cell.trim_matches('\n').to_owned()).filter(|cell| !cell.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_script_is_cut_at_its_marks() {
        assert_eq!(super::cells("%a\n# %% second\n\n%b\n%c\n# %%\n"), ["%a", "%b\n%c"]);
    }
}

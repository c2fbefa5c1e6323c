//! `%edit` and Ctrl-X Ctrl-E: a cell in the person's own editor.

use std::io::Write;
use std::process::Command;

use lantern::words::ui;
use wire::Report;

/// The text after `%edit`, if the cell is one.
pub fn asked(cell: &str) -> Option<&str> {
    let rest = cell.trim().strip_prefix("%edit")?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

/// `%edit?` in its two spellings.
pub fn is_help(cell: &str) -> bool {
    matches!(cell.trim(), "%edit?" | "?edit" | "?%edit" | "%help edit")
}

/// Opens `text` in an editor and gives what was saved, without blank lines at its end.
///
/// # Errors
/// No editor can be started, it failed, or the file cannot be read.
pub fn edit(text: &str) -> Result<String, Report> {
    let editor = ["VISUAL", "EDITOR"].iter().filter_map(|name| std::env::var(name).ok()).find(|value| !value.trim().is_empty());
    let editor = editor.unwrap_or_else(|| if cfg!(windows) { "notepad".to_owned() } else { "vi".to_owned() });
    let failed = |message: String, cause: Option<String>| Report {
        name: "Editor".to_owned(),
        message,
        cause,
        hint: Some(ui::NO_EDITOR_HINT.to_string()),
        ..Report::default()
    };
    let cannot = |source: std::io::Error| failed(ui::NO_EDITOR.with(&[("editor", &editor)]), Some(source.to_string()));
    let mut file = tempfile::Builder::new().prefix("lantern-").suffix(".txt").tempfile().map_err(cannot)?;
    writeln!(file, "{text}").and_then(|()| file.flush()).map_err(cannot)?;
    // An editor may come with options: `code --wait`.
    let mut words = editor.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    let status = command.args(words).arg(file.path()).status().map_err(cannot)?;
    if !status.success() {
        return Err(failed(ui::NOTHING_TO_EDIT.with(&[("status", &status)]), None));
    }
    // Some editors write a new file in the place of the old one.
    let saved = std::fs::read_to_string(file.path()).map_err(cannot)?;
    Ok(saved.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_told_from_others() {
        assert_eq!(asked("%edit"), Some(""));
        assert_eq!(asked(" %edit  %load spark\n%info "), Some("%load spark\n%info"));
        assert_eq!(asked("%editor"), None);
        assert_eq!(asked("!vi"), None);
        assert!(is_help("%edit?") && !is_help("%edit"));
    }
}

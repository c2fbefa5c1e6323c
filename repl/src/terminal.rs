//! What an output stream can do: redraw in place, colours, size. Asked once, from the environment and the stream itself.

use std::io::IsTerminal;

/// How many colours may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    None,
    Sixteen,
    /// The 256-colour palette.
    Many,
    /// Red, green and blue in 8 bits each.
    Full,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Lines may be redrawn in place.
    pub live: bool,
    pub depth: Depth,
}

impl Terminal {
    pub fn stdout() -> Self {
        Self::from(std::io::stdout().is_terminal(), &|name| std::env::var(name).ok())
    }

    pub fn stderr() -> Self {
        Self::from(std::io::stderr().is_terminal(), &|name| std::env::var(name).ok())
    }

    /// The rules of <https://no-color.org> and <https://bixense.com/clicolors>.
    fn from(is_terminal: bool, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
        let term = env("TERM").unwrap_or_default();
        let live = is_terminal && term != "dumb" && !(term.is_empty() && cfg!(unix));
        let forced = set("CLICOLOR_FORCE") && env("CLICOLOR_FORCE").as_deref() != Some("0");
        let wanted = !set("NO_COLOR") && (forced || (live && env("CLICOLOR").as_deref() != Some("0")));
        let depth = match wanted {
            false => Depth::None,
            true if matches!(env("COLORTERM").as_deref(), Some("truecolor" | "24bit")) => Depth::Full,
            true if term.contains("256color") || set("COLORTERM") => Depth::Many,
            true => Depth::Sixteen,
        };
        Self { live, depth }
    }
}

/// (columns, rows) of the terminal; `COLUMNS` and 80 where there is none.
pub fn size() -> (usize, usize) {
    if let Some((terminal_size::Width(columns), terminal_size::Height(rows))) = terminal_size::terminal_size_of(std::io::stdout())
        && columns > 0
        && rows > 0
    {
        return (usize::from(columns), usize::from(rows));
    }
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(|columns| *columns >= 20);
    (columns.unwrap_or(80), 24)
}

/// Whether lines too long for a narrower window are wrapped anew; xterm and the console cut them instead.
pub fn rewraps() -> bool {
    std::env::var_os("XTERM_VERSION").is_none() && std::env::var("TERM").is_ok_and(|term| term != "linux")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(is_terminal: bool, env: &[(&str, &str)]) -> Terminal {
        Terminal::from(is_terminal, &|name| env.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_environment_decides() {
        assert_eq!(with(true, &[("TERM", "xterm")]), Terminal { live: true, depth: Depth::Sixteen });
        assert_eq!(with(true, &[("TERM", "xterm-256color")]), Terminal { live: true, depth: Depth::Many });
        assert_eq!(with(true, &[("TERM", "xterm"), ("COLORTERM", "truecolor")]), Terminal { live: true, depth: Depth::Full });
        assert_eq!(with(true, &[("TERM", "xterm"), ("NO_COLOR", "1")]), Terminal { live: true, depth: Depth::None });
        assert_eq!(with(true, &[("TERM", "xterm"), ("NO_COLOR", "")]), Terminal { live: true, depth: Depth::Sixteen });
        assert_eq!(with(true, &[("TERM", "xterm"), ("CLICOLOR", "0")]), Terminal { live: true, depth: Depth::None });
        assert_eq!(with(true, &[("TERM", "dumb")]), Terminal { live: false, depth: Depth::None });
        assert_eq!(with(false, &[("TERM", "xterm")]), Terminal { live: false, depth: Depth::None });
        assert_eq!(with(false, &[("TERM", "xterm"), ("CLICOLOR_FORCE", "1")]), Terminal { live: false, depth: Depth::Sixteen });
    }
}

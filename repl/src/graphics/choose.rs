//! Which protocol the environment promises, and when it is worth asking the terminal.

use super::Protocol;

/// What to do before the first picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Text only.
    Text,
    Use(Protocol),
    /// Ask the terminal.
    Ask,
}

/// `live`: output is a terminal that can redraw. `LANTERN_GRAPHICS` (kitty, iterm, sixel, text) overrides what the environment says.
pub fn plan(live: bool, env: &dyn Fn(&str) -> Option<String>) -> Plan {
    let value = |name: &str| env(name).unwrap_or_default();
    if !live {
        return Plan::Text;
    }
    match value("LANTERN_GRAPHICS").to_ascii_lowercase().as_str() {
        "kitty" => return Plan::Use(Protocol::Kitty),
        "iterm" | "iterm2" => return Plan::Use(Protocol::ITerm),
        "sixel" => return Plan::Use(Protocol::Sixel),
        "text" | "off" | "none" | "0" => return Plan::Text,
        _ => {}
    }
    let (term, program) = (value("TERM"), value("TERM_PROGRAM"));
    // Multiplexers keep pictures to themselves, or print their bytes. The plain ones show an unknown sequence as text.
    let inside = ["TMUX", "STY", "ZELLIJ"].iter().any(|name| !value(name).is_empty());
    let multiplexed = inside || ["tmux", "screen"].iter().any(|name| term.starts_with(name));
    let plain = matches!(term.as_str(), "linux" | "vt100" | "vt220" | "cons25" | "ansi") || program == "Apple_Terminal";
    if multiplexed || plain {
        return Plan::Text;
    }
    // These say who they are, also through ssh (LC_TERMINAL).
    if matches!(program.as_str(), "iTerm.app" | "WezTerm" | "mintty") || value("LC_TERMINAL") == "iTerm2" {
        return Plan::Use(Protocol::ITerm);
    }
    Plan::Ask
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(env: &[(&str, &str)]) -> Plan {
        plan(true, &|name| env.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_environment_says_when_to_ask() {
        assert_eq!(with(&[("TERM", "xterm-256color")]), Plan::Ask);
        assert_eq!(with(&[("TERM", "xterm-kitty")]), Plan::Ask);
        assert_eq!(with(&[("TERM_PROGRAM", "iTerm.app"), ("TERM", "xterm")]), Plan::Use(Protocol::ITerm));
        assert_eq!(with(&[("LC_TERMINAL", "iTerm2"), ("TERM", "xterm")]), Plan::Use(Protocol::ITerm));
        for alone in
            [("TERM", "linux"), ("TERM", "screen.xterm"), ("TERM", "tmux-256color"), ("TMUX", "/tmp/t"), ("STY", "1"), ("ZELLIJ", "0")]
        {
            assert_eq!(with(&[alone]), Plan::Text, "{alone:?}");
            assert_eq!(with(&[alone, ("LC_TERMINAL", "iTerm2")]), Plan::Text, "{alone:?}");
        }
        assert_eq!(with(&[("TERM_PROGRAM", "Apple_Terminal"), ("TERM", "xterm-256color")]), Plan::Text);
    }

    #[test]
    fn a_person_decides_first() {
        assert_eq!(with(&[("LANTERN_GRAPHICS", "Kitty"), ("TMUX", "/tmp/t")]), Plan::Use(Protocol::Kitty));
        assert_eq!(with(&[("LANTERN_GRAPHICS", "text"), ("LC_TERMINAL", "iTerm2")]), Plan::Text);
        assert_eq!(with(&[("LANTERN_GRAPHICS", "what")]), Plan::Ask);
        let kitty = |name: &str| (name == "LANTERN_GRAPHICS").then(|| "kitty".to_owned());
        assert_eq!(plan(false, &kitty), Plan::Text, "a pipe never gets pictures");
    }
}

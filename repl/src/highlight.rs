//! Which part of a cell is what: magic names, options, values, quoted text, commands, comments.

use crate::paint::Role;

/// What the desk knows about magics, asked once and kept.
pub trait Vocabulary {
    fn magic(&self, name: &str) -> Known;
    fn option(&self, magic: &str, name: &str) -> bool;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Yes,
    /// Could still become a known one.
    Start,
    No,
}

/// The cell in order, without gaps; `None` is plain text.
pub fn parts<'t>(text: &'t str, vocabulary: &dyn Vocabulary) -> Vec<(Option<Role>, &'t str)> {
    let mut out = Vec::new();
    let mut rust = false;
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        let indent = &line[..line.len() - start.len()];
        out.push((None, indent));
        match assigned(start) {
            _ if start.starts_with("//") || (!rust && start.starts_with("# ")) => out.push((Some(Role::Comment), start)),
            Some((head, magic)) => {
                out.push((Some(Role::Keyword), &head[..3]));
                out.push((None, &head[3..]));
                magic_line(magic, vocabulary, &mut out);
            }
            None if rust => out.push((None, start)),
            None if start.starts_with('!') => out.push((Some(Role::Command), start)),
            None if start.starts_with(['%', '?']) => magic_line(start, vocabulary, &mut out),
            None => {
                rust |= !start.is_empty();
                out.push((None, start));
            }
        }
    }
    out.retain(|(_, part)| !part.is_empty());
    out
}

/// `let x = %train …` -> (`let x = `, `%train …`).
fn assigned(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix("let ")?;
    let (name, _) = rest.split_once('=')?;
    let at = line.len() - rest.len() + name.len() + 1;
    let at = at + line[at..].len() - line[at..].trim_start().len();
    let plain = name.trim().chars().all(|c| c.is_alphanumeric() || c == '_');
    (plain && line[at..].starts_with('%')).then(|| line.split_at(at))
}

fn magic_line<'t>(line: &'t str, vocabulary: &dyn Vocabulary, out: &mut Vec<(Option<Role>, &'t str)>) {
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    // One of a cell keeps one of its two `%`.
    let name = word.strip_prefix('?').unwrap_or(word);
    let name = name.strip_prefix('%').unwrap_or(name).trim_end_matches('?');
    out.push((
        match vocabulary.magic(name) {
            Known::Yes => Some(Role::Magic),
            Known::Start if rest.is_empty() => None,
            Known::Start | Known::No => Some(Role::Unknown),
        },
        word,
    ));
    for token in tokens(rest) {
        argument(token, name, vocabulary, out);
    }
}

fn argument<'t>(token: &'t str, magic: &str, vocabulary: &dyn Vocabulary, out: &mut Vec<(Option<Role>, &'t str)>) {
    if token.starts_with(['"', '\'']) {
        out.push((Some(Role::Quoted), token));
        return;
    }
    let end = token.find('=').map_or(token.len(), |at| at + 1);
    let (head, value) = token.split_at(end);
    let name = head.trim_end_matches('=').trim_start_matches("--");
    let option = (head.ends_with('=') || head.starts_with("--")) && vocabulary.option(magic, name);
    match option {
        true => out.extend([(Some(Role::Option), head), (Some(Role::Value), value)]),
        false => out.push((None, token)),
    }
}

/// Words and the spaces between them; a quoted part stays whole.
fn tokens(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut from, mut quote, mut space) = (0, None, true);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if space || text[from..at].ends_with('=') => quote = Some(c),
            (None, _) => {}
        }
        if quote.is_none() || at == from {
            let now_space = c.is_whitespace();
            if now_space != space && at > from {
                out.push(&text[from..at]);
                from = at;
            }
            space = now_space;
        } else if space {
            if at > from {
                out.push(&text[from..at]);
                from = at;
            }
            space = false;
        }
    }
    out.push(&text[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Two;

    impl Vocabulary for Two {
        fn magic(&self, name: &str) -> Known {
            match name {
                "train" | "load" | "%time" => Known::Yes,
                _ if "train".starts_with(name) => Known::Start,
                _ => Known::No,
            }
        }

        fn option(&self, magic: &str, name: &str) -> bool {
            magic == "train" && matches!(name, "lr" | "stop")
        }
    }

    fn shown(text: &str) -> String {
        let parts = parts(text, &Two);
        assert_eq!(parts.iter().map(|(_, part)| *part).collect::<String>(), text, "nothing is lost");
        parts.iter().filter_map(|(role, part)| role.map(|role| format!("{role:?}:{part}"))).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn parts_have_roles() {
        assert_eq!(shown("%train lr=2e-4 x=1 --stop \"a b\""), "Magic:%train|Option:lr=|Value:2e-4|Option:--stop|Quoted:\"a b\"");
        assert_eq!(shown("%train stop=\"a b\" lr=1"), "Magic:%train|Option:stop=|Value:\"a b\"|Option:lr=|Value:1");
        assert_eq!(shown("%trian 模型"), "Unknown:%trian");
        assert_eq!(shown("%%time"), "Magic:%%time");
        assert_eq!(shown("?%train"), "Magic:?%train");
        assert_eq!(shown("%tra"), "");
        assert_eq!(shown("%tra x"), "Unknown:%tra");
        assert_eq!(shown("let run = %train lr=1"), "Keyword:let|Magic:%train|Option:lr=|Value:1");
        assert_eq!(shown("// note\n!ls -l\n%load?\nlet x = 5;\n!not a command"), "Comment:// note\n|Command:!ls -l\n|Magic:%load?");
        assert_eq!(shown("%load it's \"unclosed text"), "Magic:%load|Quoted:\"unclosed text");
    }
}

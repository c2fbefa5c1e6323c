//! Types of a cell's variables, asked of the compiler.
//!
//! evcxr keeps variables by their types, and learns these from rust-analyzer, which needs the sources of the standard library (rustup's
//! `rust-src`). Most people do not have them. The compiler knows the types as well: a variable that is asked to be something it is not gives an
//! error that names what it is.

use serde_json::Value;

/// A type that no variable has.
pub const NOBODY: &str = "lab::Nobody";

/// One `let` at the top of a cell whose type is not written.
#[derive(Clone, Debug, PartialEq)]
pub struct Let {
    /// The names it binds: one, or those of a plain tuple.
    pub names: Vec<String>,
    /// Byte offset behind the pattern, where a type would stand.
    pub end: usize,
}

/// The `let`s outside of all brackets that bind a name or a tuple of names and say no type.
pub fn lets(code: &str) -> Vec<Let> {
    let (mut found, mut depth) = (Vec::new(), 0_usize);
    let tokens = tokens(code);
    for (i, (_, token)) in tokens.iter().enumerate() {
        match *token {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            "let" if depth == 0 => found.extend(pattern(&tokens[i + 1..])),
            _ => {}
        }
    }
    found
}

fn pattern(tokens: &[(usize, &str)]) -> Option<Let> {
    let end = tokens.iter().position(|(_, token)| ["=", ":", ";"].contains(token))?;
    let (at, sign) = tokens[end];
    let words: Vec<&str> = tokens[..end].iter().map(|(_, token)| *token).filter(|token| *token != "mut").collect();
    let name = |word: &str| word.starts_with(|c: char| c.is_alphabetic() || c == '_') && word != "_";
    let names = match words.as_slice() {
        [one] if name(one) => vec![(*one).to_owned()],
        ["(", inner @ .., ")"] if inner.iter().all(|word| *word == "," || name(word)) => {
            inner.iter().filter(|word| **word != ",").map(|word| (*word).to_owned()).collect()
        }
        _ => return None,
    };
    let (last, token) = tokens[end.checked_sub(1)?];
    (sign == "=" && at > last).then(|| Let { names, end: last + token.len() })
}

/// Words, numbers and signs with their offsets; comments and the insides of strings are left out.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = code[at..].chars().next() {
        let rest = &code[at..];
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let len = match c {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' | 'b' | 'c' if raw_string(rest).is_some() => raw_string(rest).unwrap_or(1),
            '"' => string(rest),
            '\'' => character(rest),
            _ if word > 0 => {
                found.push((at, &rest[..word]));
                word
            }
            _ if c.is_whitespace() => c.len_utf8(),
            // `==`, `=>`, `<=`, `::` are no ends of a pattern.
            _ => {
                let two = ["==", "=>", "<=", ">=", "!=", "::", "->"].iter().any(|sign| rest.starts_with(sign));
                let len = if two { 2 } else { c.len_utf8() };
                found.push((at, &rest[..len]));
                len
            }
        };
        at += len;
    }
    found
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (i, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !escaped => return i + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// `r"…"`, `br#"…"#` and their like.
fn raw_string(rest: &str) -> Option<usize> {
    let body = rest.trim_start_matches(['b', 'c']);
    let hashes = body.strip_prefix('r')?;
    let count = hashes.len() - hashes.trim_start_matches('#').len();
    hashes[count..].strip_prefix('"')?;
    let start = rest.len() - hashes.len() + count + 1;
    let end = format!("\"{}", "#".repeat(count));
    Some(rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len()))
}

/// A character, or the tick of a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => rest[3..].find('\'').map_or(1, |end| end + 4),
        (Some(_), Some((end, '\''))) => end + 1,
        _ => 1,
    }
}

/// The cell with a question about each name behind it.
pub fn question(code: &str, lets: &[Let]) -> String {
    let ask = |name: &String| format!("let _: &{NOBODY} = &{name};\n");
    format!("{code}\n;\n{}", lets.iter().flat_map(|l| &l.names).map(ask).collect::<String>())
}

/// What the compiler's error about [`question`] says: the name it is about, and its type.
pub fn answer(error: &Value) -> Option<(String, String)> {
    if error["code"]["code"] != "E0308" {
        return None;
    }
    let span = error["spans"].as_array()?.iter().find(|span| span["is_primary"] == true)?;
    let line = span["text"][0]["text"].as_str()?.trim();
    let name = line.strip_prefix("let _: &lab::Nobody = &")?.strip_suffix(';')?;
    let label = span["label"].as_str()?;
    let note = error["children"]
        .as_array()?
        .iter()
        .find_map(|child| child["message"].as_str()?.split_once("found reference `&")?.1.strip_suffix('`'));
    let found = note.or_else(|| label.split_once("found `&")?.1.strip_suffix('`'))?;
    // Closures and types that are not settled have no name.
    let nameless = found.contains(['{', '…']) || found.contains("...") || tokens(found).iter().any(|(_, word)| *word == "_");
    (!nameless).then(|| (name.to_owned(), qualified(found)))
}

/// The compiler says names without their paths where they are unambiguous; a cell needs the paths.
pub fn qualified(found: &str) -> String {
    let mut out = String::with_capacity(found.len());
    let mut rest = found;
    while let Some(c) = rest.chars().next() {
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if word == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let bare = !out.ends_with("::");
        let path = PATHS.iter().find(|(names, _)| bare && names.contains(&&rest[..word]));
        path.into_iter().for_each(|(_, path)| out.push_str(path));
        out.push_str(&rest[..word]);
        rest = &rest[word..];
    }
    out
}

/// Names that are in no cell's scope by themselves.
const PATHS: &[(&[&str], &str)] = &[
    (
        &[
            "Hook",
            "Tensor",
            "Top",
            "Training",
            "Step",
            "Chart",
            "Curve",
            "Series",
            "Mark",
            "Bars",
            "Group",
            "Heatmap",
            "Histogram",
            "Spans",
            "Span",
            "Table",
            "Html",
            "Svg",
            "Png",
            "Value",
        ],
        "lab::",
    ),
    (wire::value::NAMES, "lab::value::"),
    (&["HashMap", "HashSet", "BTreeMap", "BTreeSet", "VecDeque", "BinaryHeap"], "std::collections::"),
    (&["Rc"], "std::rc::"),
    (&["Arc", "Mutex", "RwLock"], "std::sync::"),
    (&["RefCell", "Cell"], "std::cell::"),
    (&["Instant", "Duration", "SystemTime"], "std::time::"),
    (&["PathBuf", "Path"], "std::path::"),
];

/// The cell with the types that are known written in.
pub fn annotated(code: &str, lets: &[Let], types: &[(String, String)]) -> String {
    let mut out = code.to_owned();
    for found in lets.iter().rev() {
        let known: Option<Vec<&str>> =
            found.names.iter().map(|name| types.iter().find(|(known, _)| known == name).map(|(_, t)| t.as_str())).collect();
        match known.as_deref() {
            Some([one]) if found.names.len() == 1 => out.insert_str(found.end, &format!(": {one}")),
            Some(many) if !many.is_empty() => out.insert_str(found.end, &format!(": ({},)", many.join(", "))),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lets_without_a_type_are_found_where_a_cell_keeps_them() {
        let code = "let a = 1; // let no = 1;\nlet mut b\n = \"let x = 1\"; let c: u8 = 2; { let d = 3; }\nlet (e, mut f) = (1, 2);\nlet Some(g) = h else { return };\nlet _ = 1;\nlet z = r#\"let \"q = 1\"#; let y = 'l';";
        let names: Vec<_> = lets(code).into_iter().map(|found| found.names.join(" ")).collect();
        assert_eq!(names, ["a", "b", "e f", "z", "y"]);
        let types = [("a", "i32"), ("e", "u8"), ("f", "u16"), ("y", "char")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        let out = annotated(code, &lets(code), &types);
        assert!(
            out.contains("let a: i32 = 1") && out.contains("let (e, mut f): (u8, u16,) = ") && out.contains("let y: char = 'l'"),
            "{out}"
        );
        assert!(out.contains("let mut b\n = "), "{out}");
    }

    #[test]
    fn the_compilers_answer_names_the_type() {
        let error = |label: &str, note: &str| {
            json!({ "code": { "code": "E0308" }, "spans": [{ "is_primary": true, "label": label,
                "text": [{ "text": "let _: &lab::Nobody = &top;" }] }], "children": [{ "message": note }] })
        };
        let short = error("expected `&Nobody`, found `&Tensor`", "");
        assert_eq!(answer(&short), Some(("top".into(), "lab::Tensor".into())));
        let long = error(
            "expected `&Nobody`, found `&HashMap<...>`",
            "expected reference `&Nobody`\n   found reference `&HashMap<String, Vec<Top>>`",
        );
        assert_eq!(answer(&long), Some(("top".into(), "std::collections::HashMap<String, Vec<lab::Top>>".into())));
        assert_eq!(answer(&error("expected `&Nobody`, found `&{closure@src/lib.rs:1:1: 1:3}`", "")), None);
        assert_eq!(qualified("my::Top<Top>"), "my::Top<lab::Top>");
    }
}

//! In the engine: what rust-analyzer knows about a cell that is being typed, in our words.

use evcxr::CommandContext;
use wire::engine::{Known, Said};

/// What evcxr adds to a cell.
fn internal(name: &str) -> bool {
    name.starts_with("evcxr_") || name.starts_with("Evcxr") || name.starts_with("run_user_code_") || name == "lantern_shown"
}

/// Names that live between cells: variables with their types, and what cells have defined.
pub fn names(context: &CommandContext) -> Vec<Known> {
    let known = |name: &str, kind: &str, note: &str| Known { name: name.to_owned(), kind: kind.to_owned(), note: note.to_owned() };
    let mut found: Vec<Known> = context.variables_and_types().map(|(name, kind)| known(name, "instance", kind)).collect();
    for name in context.defined_item_names().filter(|name| !internal(name)) {
        let kind = if name.starts_with(char::is_uppercase) { "class" } else { "function" };
        found.push(known(name, kind, ""));
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// evcxr carries out most `:commands` also where it is only asked about the code. They become blanks, but for one at the cursor, whose name is
/// completed.
fn without_commands(code: &str, at: Option<usize>) -> String {
    let mut from = 0;
    let blank = |line: &str| {
        let here = at.is_some_and(|at| (from..=from + line.trim_end_matches('\n').len()).contains(&at));
        from += line.len();
        if line.trim_start().starts_with(':') && !here {
            line.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
        } else {
            line.to_owned()
        }
    };
    code.split_inclusive('\n').map(blank).collect()
}

/// The answer to [`wire::engine::Order::Complete`].
pub fn complete(context: &mut CommandContext, id: u64, code: &str, at: usize) -> Said {
    let code = &without_commands(code, Some(at));
    // What rust-analyzer cannot make sense of has no completions.
    let Ok(completions) = context.completions(code, at) else { return Said::Completed { id, found: Vec::new(), from: at, to: at } };
    let variables = names(context);
    let mut found: Vec<Known> = Vec::new();
    for completion in completions.completions {
        let name = plain(&completion.code);
        let variable = variables.iter().find(|known| known.name == name).map(|known| known.note.clone());
        let note = variable.unwrap_or(completion.label);
        let note = if note == name { String::new() } else { note };
        let word = Known { name: name.to_owned(), kind: completion.kind.to_owned(), note };
        if !internal(name) && !name.is_empty() && found.iter().all(|known| known.name != name) {
            found.push(word);
        }
    }
    Said::Completed { id, found, from: completions.start_offset, to: completions.end_offset }
}

/// A call is completed up to its bracket: what stands in it is the person's.
fn plain(code: &str) -> &str {
    match code.find('(') {
        Some(open) if !code[open..].starts_with("()") => &code[..=open],
        _ => code,
    }
}

/// The answer to [`wire::engine::Order::Hover`].
pub fn hover(context: &mut CommandContext, id: u64, code: &str, at: usize) -> Said {
    let code = without_commands(code, None);
    let text = context.hover_at(&code, at).map(|(text, _)| text).unwrap_or_default();
    let text = if text == "No documentation found" { String::new() } else { text };
    Said::Hovered { id, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_not_carried_out_by_looking() {
        let code = "let a = \"模\";\n:restart\n:de";
        assert_eq!(without_commands(code, Some(code.len())), "let a = \"模\";\n        \n:de");
        assert_eq!(without_commands(code, None), "let a = \"模\";\n        \n   ");
        assert_eq!(without_commands(":quit 模", None).len(), ":quit 模".len());
    }
}

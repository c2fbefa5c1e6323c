//! Contents of replies -> what the desk would have said.

use serde_json::{Value, json};
use wire::{Candidate, Completeness, Completion, HistoryEntry, HistoryQuery};

use crate::cursor;

pub fn completion(code: &str, content: &Value) -> Completion {
    let point = |field: &str| cursor::to_byte(code, number(&content[field]));
    let kinds = content["metadata"]["_jupyter_types_experimental"].as_array();
    let candidate = |(i, text): (usize, &Value)| {
        let about = kinds.and_then(|kinds| kinds.get(i));
        let field = |name: &str| about.and_then(|about| about[name].as_str()).unwrap_or_default();
        let note = field("signature").to_owned();
        Some(Candidate { text: text.as_str()?.to_owned(), kind: kind(field("type")), note })
    };
    let candidates = content["matches"].as_array().map(|all| all.iter().enumerate().filter_map(candidate).collect());
    Completion { candidates: candidates.unwrap_or_default(), start: point("cursor_start"), end: point("cursor_end") }
}

/// The kinds that the desk knows; empty for others.
fn kind(name: &str) -> &'static str {
    ["magic", "option", "value", "path", "command", "function", "class", "instance", "module", "keyword"]
        .into_iter()
        .find(|kind| *kind == name)
        .unwrap_or_default()
}

pub fn completeness(content: &Value) -> Completeness {
    match content["status"].as_str() {
        Some("incomplete") => Completeness::Incomplete { indent: content["indent"].as_str().unwrap_or_default().to_owned() },
        Some("invalid") => Completeness::Invalid,
        _ => Completeness::Complete,
    }
}

pub fn history_request(query: &HistoryQuery) -> Value {
    let size = |n: &usize| i64::try_from(*n).unwrap_or(i64::MAX);
    let mut request = match query {
        HistoryQuery::Tail { n } => json!({ "hist_access_type": "tail", "n": size(n) }),
        HistoryQuery::Range { session, start, stop } => {
            json!({ "hist_access_type": "range", "session": session, "start": size(start), "stop": size(stop) })
        }
        HistoryQuery::Search { pattern, n, unique } => {
            json!({ "hist_access_type": "search", "pattern": pattern, "n": size(n), "unique": unique })
        }
    };
    (request["raw"], request["output"]) = (json!(true), json!(true));
    request
}

pub fn history(content: &Value) -> Vec<HistoryEntry> {
    let entry = |row: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (session, line) = (row[0].as_i64()?, number(&row[1]));
        Some(HistoryEntry { session, line, input: text(&row[2][0]), output: text(&row[2][1]) })
    };
    content["history"].as_array().map(|rows| rows.iter().filter_map(entry).collect()).unwrap_or_default()
}

fn number(value: &Value) -> usize {
    value.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_as_bytes() {
        let kinds = json!([{ "text": "%lsmagic", "type": "magic", "signature": "List" }, { "type": "method" }]);
        let content = json!({ "matches": ["%lsmagic", "%x"], "cursor_start": 3, "cursor_end": 7,
            "metadata": { "_jupyter_types_experimental": kinds } });
        let found = completion("模型\n%lsm", &content);
        assert_eq!((found.start, found.end), (7, 11));
        let first = Candidate { text: "%lsmagic".into(), kind: "magic", note: "List".into() };
        assert_eq!(found.candidates, [first, Candidate { text: "%x".into(), kind: "", note: String::new() }]);
    }

    #[test]
    fn what_is_missing_is_empty() {
        assert_eq!(completion("x", &json!({})).candidates, []);
        assert_eq!(history(&json!({ "history": [[1, 2, ["in", "out"]], ["bad"]] })).len(), 1);
        assert_eq!(completeness(&json!({ "status": "error" })), Completeness::Complete);
        assert_eq!(history_request(&HistoryQuery::Tail { n: usize::MAX })["n"], i64::MAX);
    }
}

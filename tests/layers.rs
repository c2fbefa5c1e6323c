//! The rule of the house: a module uses lower ranks only (ARCHITECTURE.md).

use std::fs;
use std::path::{Path, PathBuf};

/// Rank by module of the engine; the same rank never imports the same rank, except inside rank 0, where `wire` comes first, then `words`.
const RANKS: &[(&str, u32)] = &[
    ("words", 0),
    ("error", 1),
    ("stop", 1),
    ("random", 1),
    ("device", 2),
    ("store", 10),
    ("hub", 10),
    ("tokenizer", 10),
    ("quant", 10),
    ("optim", 10),
    ("plot", 10),
    ("ops", 20),
    ("data", 20),
    ("nn", 30),
    ("model", 40),
    ("adapter", 50),
    ("generate", 50),
    ("train", 50),
    ("eval", 60),
    ("session", 70),
    ("rust", 80),
    ("magic", 90),
    ("cell", 100),
];

fn rank(module: &str) -> Option<u32> {
    RANKS.iter().find(|(name, _)| *name == module).map(|(_, rank)| *rank)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repl lies in the workspace").to_owned()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "tests") {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|e| e == "rs") && path.file_name().is_some_and(|name| name != "tests.rs") {
            found.push(path);
        }
    }
}

/// `(line number, module)` of every `crate::module` in a file, outside of its tests.
fn uses(text: &str) -> Vec<(usize, String)> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let mut found = Vec::new();
    for (n, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let group = group.split('}').next().unwrap_or_default();
                found.extend(group.split(',').map(|item| (n + 1, item.trim().split("::").next().unwrap_or_default().to_owned())));
            } else {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                found.push((n + 1, rest[..end].to_owned()));
            }
        }
    }
    found
}

#[test]
fn modules_use_lower_ranks_only() {
    let src = root().join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&src).expect("inside src");
        let module = relative.components().next().expect("a name").as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
        let Some(mine) = rank(&module) else { continue };
        for (line, used) in uses(&fs::read_to_string(&file).expect("UTF-8")) {
            let Some(theirs) = rank(&used) else { continue };
            if used != module && theirs >= mine {
                wrong.push(format!("src/{}:{line}: `{module}` (rank {mine}) uses `{used}` (rank {theirs})", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "move what is shared down, or hand it in from above:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_rank() {
    let text = fs::read_to_string(root().join("src/lib.rs")).expect("readable");
    let modules = text.lines().filter_map(|line| line.strip_prefix("pub mod ")).map(|line| line.trim_end_matches(';'));
    let missing: Vec<_> = modules.filter(|module| rank(module).is_none()).collect();
    assert!(missing.is_empty(), "give them a rank in tests/layers.rs and ARCHITECTURE.md: {missing:?}");
}

/// What may be named where: candle ends at the session, escape sequences begin in the repl, Jupyter lives in the kernel.
#[test]
fn libraries_stay_on_their_floor() {
    let floors: &[(&str, &[&str])] = &[
        ("candle_", &["src/cell", "kernel", "repl/src"]),
        ("rustyline", &["src", "kernel", "wire"]),
        ("jupyter_", &["src", "repl/src", "wire"]),
        ("\\x1b[", &["src", "kernel", "wire"]),
    ];
    let mut wrong = Vec::new();
    for (library, forbidden) in floors {
        for folder in *forbidden {
            let mut files = Vec::new();
            sources(&root().join(folder), &mut files);
            for file in files {
                let text = fs::read_to_string(&file).expect("UTF-8");
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(&text);
                if code.contains(library) {
                    wrong.push(format!("{} names {library}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

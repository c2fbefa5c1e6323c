//! Which linear layers an adapter stands beside: PEFT's names, patterns and exceptions (its `check_target_module_exists`).

use std::collections::BTreeMap;

use fancy_regex::Regex;

use crate::model::Model;
use crate::nn::Linear;
use crate::words::adapters as words;
use crate::{Error, Result};

/// Whether a path is meant.
type Test<'a> = Box<dyn Fn(&str) -> bool + 'a>;

/// Modules by name or by pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum Names {
    /// Whole paths, or their endings after a dot; `all-linear` stands for every layer inside the blocks.
    List(Vec<String>),
    /// A regular expression that must match the whole path.
    Pattern(String),
}

/// What is chosen of a model's layers. The embedding table and the head are not among them.
#[derive(Clone, Debug, PartialEq)]
pub struct Targets {
    pub names: Names,
    /// Layers that stay out, though named.
    pub exclude: Names,
    /// Numbers of the blocks; empty means all. Only beside a list, as in PEFT.
    pub layers: Vec<usize>,
    /// What stands before the number in a path; empty means anything.
    pub layers_pattern: Vec<String>,
}

pub const ALL: &str = "all-linear";

impl Default for Targets {
    fn default() -> Self {
        Self { names: Names::List(vec![ALL.to_owned()]), exclude: Names::NONE, layers: Vec::new(), layers_pattern: Vec::new() }
    }
}

impl Names {
    pub const NONE: Self = Self::List(Vec::new());

    /// From the words of a line: names, PEFT's own `["q_proj", "v_proj"]`, or a pattern, told by its signs.
    pub fn parse(words: &[String]) -> Self {
        let whole = words.join(",");
        let listed = whole.starts_with('[') && whole.contains(['"', '\'']);
        if !listed && whole.contains(['*', '+', '?', '\\', '(', '[', '|', '^', '$', '{']) {
            return Self::Pattern(whole);
        }
        let plain = |word: &String| word.trim_matches(['[', ']', '"', '\'', ' ']).to_owned();
        Self::List(words.iter().map(plain).filter(|word| !word.is_empty()).collect())
    }

    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    fn is_all(&self) -> bool {
        matches!(self, Self::List(names) if names.iter().any(|name| name == ALL))
    }

    /// # Errors
    /// `BadValue` for what is no regular expression.
    fn test(&self) -> Result<Test<'_>> {
        Ok(match self {
            Self::List(names) => Box::new(move |path| names.iter().any(|name| ends(path, name))),
            Self::Pattern(pattern) => {
                let regex = regex(&format!(r"\A(?:{pattern})\z"), pattern)?;
                Box::new(move |path| regex.is_match(path).unwrap_or(false))
            }
        })
    }
}

impl std::fmt::Display for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::List(names) => f.write_str(&names.join(",")),
            Self::Pattern(pattern) => f.write_str(pattern),
        }
    }
}

/// The path itself, or its ending after a dot.
fn ends(path: &str, name: &str) -> bool {
    name == ALL || path == name || path.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
}

fn regex(full: &str, given: &str) -> Result<Regex> {
    Regex::new(full).map_err(|error| bad("target", given, error.to_string()))
}

fn bad(option: &str, given: &str, allowed: String) -> Error {
    Error::BadValue { option: option.to_owned(), given: given.to_owned(), allowed }
}

impl Targets {
    pub fn list<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self { names: Names::List(names.into_iter().map(Into::into).collect()), ..Self::default() }
    }

    /// The chosen layers, in the model's order. Each name of a list must hit.
    ///
    /// # Errors
    /// `NoTarget` with the model's own names; `BadValue` for a block that is not there, or where nothing is left.
    pub fn of<'m>(&self, model: &'m Model) -> Result<Vec<&'m Linear>> {
        self.check(model)?;
        let (wanted, excluded) = (self.names.test()?, self.exclude.test()?);
        let inside = self.inside()?;
        let chosen = |linear: &&Linear| wanted(&linear.path) && inside(&linear.path) && !excluded(&linear.path);
        let found: Vec<_> = model.linears().filter(chosen).collect();
        if found.is_empty() {
            return Err(bad("target", &self.names.to_string(), words::NOTHING_LEFT.to_string()));
        }
        Ok(found)
    }

    fn check(&self, model: &Model) -> Result<()> {
        match &self.names {
            Names::List(names) => {
                if let Some(missing) = names.iter().find(|name| !model.linears().any(|linear| ends(&linear.path, name))) {
                    return Err(unknown(missing, model));
                }
            }
            Names::Pattern(pattern) => {
                let hits = self.names.test()?;
                if !model.linears().any(|linear| hits(&linear.path)) {
                    return Err(unknown(pattern, model));
                }
                if !self.layers.is_empty() {
                    return Err(bad("layers", &numbers(&self.layers), words::LAYERS_WITH_PATTERN.to_string()));
                }
            }
        }
        let layers = model.layers.len();
        match self.layers.iter().find(|layer| **layer >= layers) {
            Some(layer) => Err(Error::NoLayer { layer: *layer, layers }),
            None => Ok(()),
        }
    }

    /// Whether the first number in a path is one of the blocks.
    fn inside(&self) -> Result<Test<'_>> {
        if self.layers.is_empty() {
            return Ok(Box::new(|_| true));
        }
        let patterns = match self.layers_pattern.as_slice() {
            [] => vec![r"\A.*?\.[^.]*\.(\d+)\.".to_owned()],
            some => some.iter().map(|pattern| format!(r"\A(?:|.*?\.){pattern}\.(\d+)\.")).collect(),
        };
        let patterns = patterns.iter().map(|pattern| regex(pattern, pattern)).collect::<Result<Vec<_>>>()?;
        Ok(Box::new(move |path| {
            let number = |regex: &Regex| regex.captures(path).ok().flatten()?.get(1)?.as_str().parse().ok();
            patterns.iter().find_map(number).is_some_and(|layer: usize| self.layers.contains(&layer))
        }))
    }

    /// As PEFT's config has them: `all-linear` becomes names.
    pub fn spelled(&self, model: &Model) -> Names {
        if self.names.is_all() { Names::List(module_names(model)) } else { self.names.clone() }
    }

    /// What the title says: `c_attn`, `c_attn layers=0,1`, `all-linear exclude=down_proj`.
    pub fn title(&self) -> String {
        let mut title = self.names.to_string();
        if !self.layers.is_empty() {
            title += &format!(" layers={}", numbers(&self.layers));
        }
        if !self.exclude.is_none() {
            title += &format!(" exclude={}", self.exclude);
        }
        title
    }
}

fn numbers(all: &[usize]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Values for modules whose path a key matches (`rank_pattern`, `alpha_pattern`); the first key in order wins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pattern<T>(pub BTreeMap<String, T>);

impl<T: Copy> Pattern<T> {
    /// The value for a module.
    ///
    /// # Errors
    /// `BadValue` for a key that is no regular expression.
    pub fn find(&self, path: &str) -> Result<Option<T>> {
        for (key, value) in &self.0 {
            if regex(&format!(r"\A(.*\.)?({key})\z"), key)?.is_match(path).unwrap_or(false) {
                return Ok(Some(*value));
            }
        }
        Ok(None)
    }

    /// From the words of a line: `c_attn:8`.
    ///
    /// # Errors
    /// `BadValue`
    pub fn parse(option: &str, words: &[String], read: impl Fn(&str) -> Option<T>) -> Result<Self> {
        let pair = |word: &String| {
            let plain = word.trim_matches(['{', '}', ' ']);
            let (key, value) = plain.rsplit_once(':')?;
            Some((key.trim_matches(['"', '\'', ' ']).to_owned(), read(value.trim())?))
        };
        let read = |word: &String| pair(word).ok_or_else(|| bad(option, word, words::PATTERN_FORM.to_string()));
        Ok(Self(words.iter().map(read).collect::<Result<_>>()?))
    }
}

fn unknown(given: &str, model: &Model) -> Error {
    let known = module_names(model);
    // Attention projections have other names in other families: the family's own default is the near one then.
    let nearest = known.iter().filter(|name| name.contains(given) || given.contains(name.as_str())).max_by_key(|name| name.len());
    let nearest = nearest.cloned().unwrap_or_else(|| model.family.targets.join(","));
    Error::NoTarget { given: given.to_owned(), nearest, known: known.join(", ") }
}

/// The last parts of the linear layers' paths, each once, in the model's order.
pub fn module_names(model: &Model) -> Vec<String> {
    let mut names = Vec::new();
    for linear in model.linears() {
        let name = linear.path.rsplit('.').next().unwrap_or_default().to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

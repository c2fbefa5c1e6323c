//! Which layers an adapter stands beside: PEFT's names, patterns and exceptions (its `check_target_module_exists`).

use std::collections::BTreeMap;

use fancy_regex::Regex;

use crate::model::Model;
use crate::nn::Weight;
use crate::words::adapters as words;
use crate::{Error, Result};

/// Whether a layer is meant.
type Test<'a> = Box<dyn Fn(&Target) -> bool + 'a>;

/// Modules by name or by pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum Names {
    /// Whole paths, or their endings after a dot; `all-linear` stands for every layer inside the blocks.
    List(Vec<String>),
    /// A regular expression that must match the whole path.
    Pattern(String),
}

/// What is chosen of a model's layers: the linear ones inside blocks, the embedding table and the head; the last two only by name or pattern.
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

/// A layer beside which matrices can stand.
#[derive(Clone, Copy, Debug)]
pub struct Target<'m> {
    pub path: &'m str,
    /// Of a tied head the table.
    pub weight: &'m Weight,
    /// A table of embeddings: a layer from the vocabulary to hidden.
    pub table: bool,
    /// Inside a block.
    inside: bool,
}

impl Target<'_> {
    /// `(in, out)`
    pub fn dims(&self) -> (usize, usize) {
        let (inn, out) = self.weight.dims();
        if self.table { (out, inn) } else { (inn, out) }
    }

    /// The table or the head.
    pub fn is_end(&self) -> bool {
        !self.inside
    }
}

/// All that a model has, in the order of the forward pass.
pub fn targets(model: &Model) -> impl Iterator<Item = Target<'_>> {
    let names = &model.family.names;
    let head = model.head.as_ref().map_or(&model.embed, |head| &head.weight);
    let table = Target { path: names.embed, weight: &model.embed, table: true, inside: false };
    let inside = model.linears().map(|linear| Target { path: &linear.path, weight: &linear.weight, table: false, inside: true });
    std::iter::once(table).chain(inside).chain([Target { path: names.head, weight: head, table: false, inside: false }])
}

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
            Self::List(names) => Box::new(move |target| names.iter().any(|name| ends(target, name))),
            Self::Pattern(pattern) => {
                let regex = regex(&format!(r"\A(?:{pattern})\z"), pattern)?;
                Box::new(move |target| regex.is_match(target.path).unwrap_or(false))
            }
        })
    }

    /// With the model's own names for what other checkpoints call otherwise.
    pub(super) fn own(self, model: &Model) -> Self {
        match self {
            Self::List(names) => Self::List(names.iter().map(|name| model.own_path(name)).collect()),
            pattern => pattern,
        }
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
fn ends(target: &Target, name: &str) -> bool {
    let path = target.path;
    (name == ALL && target.inside) || path == name || path.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
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

    /// With the model's own names for what other checkpoints call otherwise.
    pub(super) fn own(self, model: &Model) -> Self {
        Self { names: self.names.own(model), exclude: self.exclude.own(model), ..self }
    }

    /// The chosen layers, in the model's order. Each name of a list must hit.
    ///
    /// # Errors
    /// `NoTarget` with the model's own names; `BadValue` for a block that is not there, or where nothing is left.
    pub fn of<'m>(&self, model: &'m Model) -> Result<Vec<Target<'m>>> {
        self.check(model)?;
        let (wanted, excluded) = (self.names.test()?, self.exclude.test()?);
        let inside = self.inside()?;
        let found: Vec<_> = targets(model).filter(|target| wanted(target) && inside(target) && !excluded(target)).collect();
        if found.is_empty() {
            return Err(bad("target", &self.names.to_string(), words::NOTHING_LEFT.to_string()));
        }
        Ok(found)
    }

    fn check(&self, model: &Model) -> Result<()> {
        match &self.names {
            Names::List(names) => {
                if let Some(missing) = names.iter().find(|name| !targets(model).any(|target| ends(&target, name))) {
                    return Err(unknown(missing, model));
                }
            }
            Names::Pattern(pattern) => {
                let hits = self.names.test()?;
                if !targets(model).any(|target| hits(&target)) {
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
        Ok(Box::new(move |target| {
            let number = |regex: &Regex| regex.captures(target.path).ok().flatten()?.get(1)?.as_str().parse().ok();
            patterns.iter().find_map(number).is_some_and(|layer: usize| self.layers.contains(&layer))
        }))
    }

    /// As PEFT's config has them: `all-linear` becomes names.
    pub fn spelled(&self, model: &Model) -> Names {
        match &self.names {
            Names::List(names) if self.names.is_all() => {
                let others = names.iter().filter(|name| *name != ALL).cloned();
                let mut all = module_names(model);
                all.extend(others.filter(|name| !all.contains(name)).collect::<Vec<_>>());
                Names::List(all)
            }
            names => names.clone(),
        }
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
    let known = target_names(model);
    // Attention projections have other names in other families: the family's own default is the near one then.
    let nearest = known.iter().filter(|name| name.contains(given) || given.contains(name.as_str())).max_by_key(|name| name.len());
    let nearest = nearest.cloned().unwrap_or_else(|| model.family.targets.join(","));
    Error::NoTarget { given: given.to_owned(), nearest, known: known.join(", ") }
}

/// The last parts of all that can be chosen: of the layers inside blocks, the table's, the head's.
pub fn target_names(model: &Model) -> Vec<String> {
    let ends = targets(model).filter(|target| !target.inside).filter_map(|target| target.path.rsplit('.').next());
    module_names(model).into_iter().chain(ends.map(str::to_owned)).collect()
}

/// The last parts of the paths of the linear layers inside blocks, each once, in the model's order.
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

//! Reads tests/fixtures, and says how far two tensors are apart.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use lantern::data::{Batch, Dataset, Example, Layout, Order, batch};
use lantern::model::{self, Input, Model, NoTap, Request};
use lantern::nn::{Deltas, Pass};
use lantern::session::{Session, Shared};
use lantern::stop::Stop;
use lantern::store::{History, Home};
use lantern::tokenizer::Tokenizer;
use serde_json::Value;

/// The models with a golden forward pass; those of [`TRAINED`] have golden training runs too.
pub const MODELS: &[&str] =
    &["gpt2-tiny", "llama-tiny", "llama-tied-tiny", "qwen2-tiny", "qwen3-tiny", "mistral-tiny", "gpt_neox-tiny", "llama3-tiny"];
pub const TRAINED: &[&str] = &["gpt2-tiny", "llama-tiny", "llama-tied-tiny", "gpt_neox-tiny", "qwen2-tiny", "qwen3-tiny"];
pub const ADAPTED: &[&str] = &["gpt2-tiny", "llama-tiny"];

/// Where the models of these tests live; the expected numbers stay on the CPU.
pub fn device() -> Device {
    lantern::device::for_tests().unwrap()
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub fn path(inside: &str) -> PathBuf {
    root().join("tests/fixtures").join(inside)
}

pub fn json(inside: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path(inside)).unwrap()).unwrap()
}

pub struct Tensors(pub HashMap<String, Tensor>);

pub fn tensors(inside: &str) -> Tensors {
    Tensors(candle_core::safetensors::load(path(inside), &Device::Cpu).unwrap())
}

impl Tensors {
    pub fn get(&self, key: &str) -> &Tensor {
        self.0.get(key).unwrap_or_else(|| panic!("no {key}"))
    }

    pub fn ids(&self, key: &str) -> Tensor {
        self.get(key).to_dtype(DType::U32).unwrap().to_device(&device()).unwrap()
    }

    /// Keys behind `prefix`, sorted.
    pub fn under<'a>(&'a self, prefix: &'a str) -> Vec<(&'a str, &'a Tensor)> {
        let mut found: Vec<_> = self.0.iter().filter_map(|(key, tensor)| Some((key.strip_prefix(prefix)?, tensor))).collect();
        found.sort_by_key(|(key, _)| *key);
        found
    }
}

/// A model of the fixtures in memory: a folder's name, or a path to a .gguf inside the fixtures.
pub fn load(name: &str) -> Model {
    load_as(name, None)
}

pub fn load_as(name: &str, dtype: Option<DType>) -> Model {
    load_from(&path(name), name, dtype)
}

pub fn load_from(place: &Path, name: &str, dtype: Option<DType>) -> Model {
    let gguf = place.is_file();
    let weights = vec![if gguf { place.to_owned() } else { place.join("model.safetensors") }];
    let config = (!gguf).then(|| place.join("config.json"));
    model::load(&Request { name: name.to_owned(), weights, config, dtype, device: device() }).unwrap()
}

pub fn tokenizer(name: &str) -> Tokenizer {
    let place = path(name);
    if place.is_file() { Tokenizer::from_gguf(&place).unwrap() } else { Tokenizer::from_folder(&place).unwrap() }
}

pub fn empty_session() -> Session {
    let home = Home::find(Some(root().join("target/tmp/parity")));
    Session::new(Stop::new(), Arc::new(Shared::default()), Arc::new(History::default()), &home, device())
}

/// Finds and loads a model as `%load` does.
pub fn open(session: &mut Session, name: &str, dtype: Option<DType>) -> lantern::Result<()> {
    let plan = session.find(name, dtype, None, &mut |_, _| {})?;
    session.load(plan).map(|_| ())
}

/// A session that has loaded a fixture, by the road that a person takes.
pub fn session(place: &Path) -> Session {
    let mut session = empty_session();
    open(&mut session, place.to_str().unwrap(), None).unwrap();
    session
}

/// Logits `[B, T, V]` of a whole batch, without cache.
pub fn logits(model: &Model, ids: &Tensor, deltas: Option<&Deltas>) -> Tensor {
    let pass = Pass { deltas, ..Pass::default() };
    let hidden = model.forward(Input::Ids(ids), None, &pass, &mut NoTap).unwrap();
    model.logits(&hidden, &pass).unwrap()
}

/// One example of each row; a label of -100 is not learned.
pub fn examples(ids: &Tensor, labels: &Tensor) -> Vec<Example> {
    let width = ids.dims().last().copied().unwrap();
    let ids: Vec<u32> = ids.to_dtype(DType::U32).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    let labels: Vec<i64> = labels.flatten_all().unwrap().to_vec1().unwrap();
    let row = |(ids, labels): (&[u32], &[i64])| {
        let learned = labels.iter().enumerate().map(|(i, label)| i > 0 && *label != -100).collect();
        Example { ids: ids.to_vec(), learned, row: 0 }
    };
    ids.chunks(width).zip(labels.chunks(width)).map(row).collect()
}

pub fn whole_batch(ids: &Tensor, labels: &Tensor) -> Batch {
    batch(&examples(ids, labels), 0)
}

/// A data set whose first epoch, shuffled with `seed`, sees the examples in the order given.
pub fn in_order(examples: Vec<Example>, seed: u64) -> Dataset {
    let order = Order::new(seed, 0, examples.len()).take(examples.len());
    let mut train = examples.clone();
    for (example, place) in examples.into_iter().zip(order) {
        train[place] = example;
    }
    Dataset {
        name: "fixture".into(),
        layout: Layout::Text,
        template: None,
        rows: Vec::new(),
        train,
        val: Vec::new(),
        cut: 0,
        dropped: 0,
        duplicates: 0,
        source: Default::default(),
    }
}

pub fn values(x: &Tensor) -> Vec<f32> {
    x.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest difference; infinite when the shapes differ or a number is not finite.
pub fn apart(a: &Tensor, b: &Tensor) -> f64 {
    if a.dims() != b.dims() {
        return f64::INFINITY;
    }
    let both = values(a).into_iter().zip(values(b));
    both.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, |most, d| if d.is_nan() { f64::INFINITY } else { most.max(d) })
}

pub fn largest(x: &Tensor) -> f64 {
    values(x).into_iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max)
}

/// Shown with `--nocapture`.
#[allow(clippy::disallowed_macros)]
pub fn say(figure: &str) {
    println!("parity: {figure}");
}

/// Prints the figure and holds it to what is allowed.
pub fn within(what: &str, difference: f64, allowed: f64) {
    say(&format!("{what}: {difference:.2e} (allowed {allowed:.0e})"));
    assert!(difference <= allowed, "{what}: {difference:e} is above {allowed:e}");
}

pub fn close(what: &str, ours: &Tensor, theirs: &Tensor, allowed: f64) {
    assert_eq!(ours.dims(), theirs.dims(), "{what}");
    within(what, apart(ours, theirs), allowed);
}

pub fn ids_of(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

pub fn row(ids: &[u32]) -> Tensor {
    Tensor::new(ids, &device()).unwrap().unsqueeze(0).unwrap()
}

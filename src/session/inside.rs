//! What a look inside needs: scores, hidden states, attention, weights; and writing on with a sampler from outside.

use candle_core::{DType, Tensor};

use super::Session;
use crate::model::{Input, NoTap, Site, Slot, Tap};
use crate::nn::{Cache, Pass};
use crate::words::nearest::nearest;
use crate::{Error, Result};

/// Shape, how the session holds the numbers, and the numbers in f32, row-major.
pub type Numbers = (Vec<usize>, String, Vec<f32>);

/// A text in progress whose next tokens are chosen outside.
pub struct Choosing {
    cache: Cache,
    len: usize,
}

/// Keeps one activation.
struct Keep {
    layer: usize,
    site: Site,
    kept: Option<Tensor>,
}

impl Tap for Keep {
    fn wants(&self, layer: usize, site: Site) -> bool {
        (layer, site) == (self.layer, self.site)
    }

    fn take(&mut self, _layer: usize, _site: Site, activation: &Tensor) -> Result<()> {
        self.kept = Some(activation.clone());
        Ok(())
    }
}

fn numbers(tensor: &Tensor) -> Result<Numbers> {
    let flat = tensor.flatten_all()?.to_dtype(DType::F32)?;
    Ok((tensor.dims().to_vec(), tensor.dtype().as_str().to_owned(), flat.to_vec1()?))
}

impl Session {
    /// # Errors
    /// `NoModel`
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        self.base()?.tokenizer.encode(text)
    }

    /// # Errors
    /// `NoModel`, `NoToken`.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.known(ids)?;
        let tokenizer = &self.base()?.tokenizer;
        let bytes: Vec<u8> = ids.iter().flat_map(|id| tokenizer.token_bytes(*id)).collect();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// `[T, V]`
    ///
    /// # Errors
    /// `NoModel`, `NoToken`, `ContextFull`, `EmptyText`.
    pub fn logits_of(&self, ids: &[u32]) -> Result<Numbers> {
        let hidden = self.through(ids, &mut NoTap, None)?;
        numbers(&self.base()?.model.logits(&hidden)?.squeeze(0)?)
    }

    /// The residual stream before `layer`, `[T, C]`.
    ///
    /// # Errors
    /// As [`Session::logits_of`], `NoLayer`.
    pub fn hidden(&self, text: &str, layer: usize) -> Result<Numbers> {
        let layers = self.base()?.model.layers.len();
        self.kept(text, layer, layers + 1, Site::Residual)
    }

    /// Attention probabilities, `[H, T, T]`.
    ///
    /// # Errors
    /// As [`Session::hidden`].
    pub fn attention(&self, text: &str, layer: usize) -> Result<Numbers> {
        let layers = self.base()?.model.layers.len();
        self.kept(text, layer, layers, Site::Probabilities)
    }

    fn kept(&self, text: &str, layer: usize, layers: usize, site: Site) -> Result<Numbers> {
        if layer >= layers {
            return Err(Error::NoLayer { layer, layers });
        }
        let mut keep = Keep { layer, site, kept: None };
        self.through(&self.encode(text)?, &mut keep, None)?;
        let kept = keep.kept.ok_or_else(|| Error::Internal { doing: "a look inside".into(), cause: format!("nothing at {site:?}") })?;
        numbers(&kept.squeeze(0)?)
    }

    /// A parameter under its name in the hub's layout.
    ///
    /// # Errors
    /// `NoModel`, `NoWeight`.
    pub fn weight(&self, name: &str) -> Result<Numbers> {
        let mut found = None;
        let mut model = self.base()?.model.detached();
        let device = model.device.clone();
        model.visit(&mut |known, slot| {
            if known != name {
                return Ok(());
            }
            found = Some(match slot {
                Slot::Matrix(weight) => {
                    let (shape, _, data) = numbers(&weight.rows(&device)?)?;
                    (shape, weight.format(), data)
                }
                Slot::Vector(tensor) => numbers(tensor)?,
            });
            Ok(())
        })?;
        let Some(found) = found else {
            let names = self.weight_names()?;
            return Err(Error::NoWeight { given: name.to_owned(), nearest: nearest(name, names.iter().map(String::as_str)) });
        };
        Ok(found)
    }

    /// # Errors
    /// `NoModel`
    pub fn weight_names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        self.base()?.model.detached().visit(&mut |name, _| {
            names.push(name.to_owned());
            Ok(())
        })?;
        Ok(names)
    }

    /// Starts a text whose tokens are chosen outside: the scores `[V]` after `prompt`.
    ///
    /// # Errors
    /// As [`Session::logits_of`].
    pub fn begin_choosing(&mut self, prompt: &str) -> Result<Numbers> {
        let ids = self.encode_prompt("generate", prompt)?;
        let mut cache = Cache::new();
        let scores = self.scores(&ids, &mut cache)?;
        self.choosing = Some(Choosing { cache, len: ids.len() });
        Ok(scores)
    }

    /// Takes the chosen token; `None` after the model's end token, or when the context is full.
    ///
    /// # Errors
    /// `NoToken`; nothing was begun.
    pub fn choose(&mut self, id: u32) -> Result<Option<Numbers>> {
        self.known(&[id])?;
        let Some(mut choosing) = self.choosing.take() else { return Err(Error::NoRun {}) };
        let base = self.base()?;
        if base.tokenizer.eos().contains(&id) || choosing.len >= self.room()? {
            return Ok(None);
        }
        let scores = self.scores(&[id], &mut choosing.cache)?;
        choosing.len += 1;
        self.choosing = Some(choosing);
        Ok(Some(scores))
    }

    fn scores(&self, ids: &[u32], cache: &mut Cache) -> Result<Numbers> {
        let hidden = self.through(ids, &mut NoTap, Some(cache))?;
        let last = hidden.narrow(1, hidden.dim(1)? - 1, 1)?;
        numbers(&self.base()?.model.logits(&last)?.flatten_all()?)
    }

    /// Hidden states `[1, T, C]` after the last norm, with the adapter.
    fn through(&self, ids: &[u32], tap: &mut dyn Tap, cache: Option<&mut Cache>) -> Result<Tensor> {
        self.known(ids)?;
        if ids.is_empty() {
            return Err(Error::EmptyText {});
        }
        let model = &self.base()?.model;
        let deltas = self.deltas();
        let input = Tensor::new(ids, &model.device)?.unsqueeze(0)?;
        let pass = Pass { deltas: deltas.as_ref(), dropout: None };
        model.detached().forward(Input::Ids(&input), cache.map(std::slice::from_mut), &pass, tap)
    }

    fn known(&self, ids: &[u32]) -> Result<()> {
        let vocabulary = self.base()?.model.spec.vocabulary;
        match ids.iter().find(|id| **id as usize >= vocabulary) {
            Some(id) => Err(Error::NoToken { id: *id, vocabulary }),
            None => Ok(()),
        }
    }
}

//! What a look inside needs: scores, hidden states, attention, weights; and writing on with a sampler from outside.

use candle_core::{DType, Tensor};

use super::Session;
use crate::model::{Input, Site, Slot, Tap};
use crate::nn::{Cache, Pass};
use crate::words::nearest::{near, nearest};
use crate::{Error, Result};

/// Shape, how the session holds the numbers, and the numbers in f32, row-major.
pub type Numbers = (Vec<usize>, String, Vec<f32>);

/// A text in progress whose next tokens are chosen outside.
#[derive(Debug)]
pub struct Choosing {
    cache: Cache,
    len: usize,
}

/// Looks at activations on their way through the model, and may change them.
pub trait Watch {
    fn wants(&self, layer: usize, site: Site) -> bool;

    /// Gets the numbers of one text, without the batch's axis; `None` leaves them as they are.
    ///
    /// # Errors
    /// Ends the forward pass.
    fn change(&mut self, layer: usize, site: Site, numbers: Numbers) -> Result<Option<(Vec<usize>, Vec<f32>)>>;
}

/// Watches nothing.
pub struct Nobody;

impl Watch for Nobody {
    fn wants(&self, _layer: usize, _site: Site) -> bool {
        false
    }

    fn change(&mut self, _layer: usize, _site: Site, _numbers: Numbers) -> Result<Option<(Vec<usize>, Vec<f32>)>> {
        Ok(None)
    }
}

/// Hands activations to a watch, and keeps one as it is after that.
struct Keep<'a> {
    wanted: Option<(usize, Site)>,
    kept: Option<Tensor>,
    watch: &'a mut dyn Watch,
}

impl Tap for Keep<'_> {
    fn wants(&self, layer: usize, site: Site) -> bool {
        self.wanted == Some((layer, site)) || self.watch.wants(layer, site)
    }

    fn take(&mut self, layer: usize, site: Site, activation: &Tensor) -> Result<()> {
        if self.wanted == Some((layer, site)) {
            self.kept = Some(activation.clone());
        }
        Ok(())
    }

    fn replace(&mut self, layer: usize, site: Site, activation: &Tensor) -> Result<Option<Tensor>> {
        let changed = match self.watch.wants(layer, site) {
            true => self.watch.change(layer, site, numbers(&activation.squeeze(0)?)?)?,
            false => None,
        };
        let other = match changed {
            Some((shape, _)) if shape[..] != activation.dims()[1..] => {
                let expected = format!("{:?}", &activation.dims()[1..]);
                return Err(Error::HookShape { activation: format!("{site:?}").to_lowercase(), given: format!("{shape:?}"), expected });
            }
            Some((_, data)) => Some(Tensor::from_vec(data, activation.dims(), activation.device())?.to_dtype(activation.dtype())?),
            None => None,
        };
        self.take(layer, site, other.as_ref().unwrap_or(activation))?;
        Ok(other)
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
    pub fn logits_of(&self, ids: &[u32], watch: &mut dyn Watch) -> Result<Numbers> {
        let hidden = self.through(ids, &mut Keep { wanted: None, kept: None, watch }, None)?;
        numbers(&self.to_logits(&hidden)?.squeeze(0)?)
    }

    /// The residual stream before `layer`, `[T, C]`.
    ///
    /// # Errors
    /// As [`Session::logits_of`], `NoLayer`.
    pub fn hidden(&self, text: &str, layer: usize, watch: &mut dyn Watch) -> Result<Numbers> {
        let layers = self.base()?.model.layers.len();
        self.kept(text, layer, layers + 1, Site::Residual, watch)
    }

    /// Attention probabilities, `[H, T, T]`.
    ///
    /// # Errors
    /// As [`Session::hidden`].
    pub fn attention(&self, text: &str, layer: usize, watch: &mut dyn Watch) -> Result<Numbers> {
        let layers = self.base()?.model.layers.len();
        self.kept(text, layer, layers, Site::Probabilities, watch)
    }

    /// An activation by its name: [`Session::activation_names`].
    ///
    /// # Errors
    /// As [`Session::logits_of`], `NoActivation`.
    pub fn activation(&self, text: &str, name: &str, watch: &mut dyn Watch) -> Result<Numbers> {
        let (layer, site) = self.site(name)?;
        self.kept(text, layer, layer + 1, site, watch)
    }

    /// # Errors
    /// `NoModel`
    pub fn activation_names(&self) -> Result<Vec<String>> {
        Ok(self.base()?.model.activations().into_iter().map(|(name, ..)| name).collect())
    }

    /// The place of an activation.
    ///
    /// # Errors
    /// `NoModel`, `NoActivation` with the names that are near.
    pub fn site(&self, name: &str) -> Result<(usize, Site)> {
        if let Some(found) = self.base()?.model.activation(name) {
            return Ok(found);
        }
        let names = self.activation_names()?;
        let near: Vec<String> = near(name, names.iter().map(String::as_str), 3).iter().map(|name| format!("`{name}`")).collect();
        Err(Error::NoActivation { given: name.to_owned(), nearest: near.join(", "), end: names.last().cloned().unwrap_or_default() })
    }

    fn kept(&self, text: &str, layer: usize, layers: usize, site: Site, watch: &mut dyn Watch) -> Result<Numbers> {
        if layer >= layers {
            return Err(Error::NoLayer { layer, layers });
        }
        let mut keep = Keep { wanted: Some((layer, site)), kept: None, watch };
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
        let mut model = self.current()?.detached();
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
    pub fn begin_choosing(&self, prompt: &str, watch: &mut dyn Watch) -> Result<(Choosing, Numbers)> {
        let ids = self.encode_prompt("generate", prompt)?;
        let mut choosing = Choosing { cache: Cache::new(), len: ids.len() };
        let scores = self.scores(&ids, &mut choosing.cache, watch)?;
        Ok((choosing, scores))
    }

    /// Takes the chosen token; `None` after the model's end token, or when the context is full.
    ///
    /// # Errors
    /// `NoToken`.
    pub fn choose(&self, choosing: &mut Choosing, id: u32, watch: &mut dyn Watch) -> Result<Option<Numbers>> {
        self.known(&[id])?;
        let base = self.base()?;
        if base.tokenizer.eos().contains(&id) || choosing.len >= self.room()? {
            return Ok(None);
        }
        let scores = self.scores(&[id], &mut choosing.cache, watch)?;
        choosing.len += 1;
        Ok(Some(scores))
    }

    fn scores(&self, ids: &[u32], cache: &mut Cache, watch: &mut dyn Watch) -> Result<Numbers> {
        let hidden = self.through(ids, &mut Keep { wanted: None, kept: None, watch }, Some(cache))?;
        let last = hidden.narrow(1, hidden.dim(1)? - 1, 1)?;
        numbers(&self.to_logits(&last)?.flatten_all()?)
    }

    /// Hidden states `[1, T, C]` after the last norm, with the adapter.
    fn through(&self, ids: &[u32], tap: &mut dyn Tap, cache: Option<&mut Cache>) -> Result<Tensor> {
        self.known(ids)?;
        if ids.is_empty() {
            return Err(Error::EmptyText {});
        }
        let model = self.current()?;
        let deltas = self.deltas();
        let input = Tensor::new(ids, &model.device)?.unsqueeze(0)?;
        let pass = Pass { deltas: deltas.as_ref(), ..Pass::default() };
        model.detached().forward(Input::Ids(&input), cache.map(std::slice::from_mut), &pass, tap)
    }

    fn to_logits(&self, hidden: &Tensor) -> Result<Tensor> {
        let deltas = self.deltas();
        self.current()?.detached().logits(hidden, &Pass { deltas: deltas.as_ref(), ..Pass::default() })
    }

    fn known(&self, ids: &[u32]) -> Result<()> {
        let vocabulary = self.base()?.model.spec.vocabulary;
        match ids.iter().find(|id| **id as usize >= vocabulary) {
            Some(id) => Err(Error::NoToken { id: *id, vocabulary }),
            None => Ok(()),
        }
    }
}

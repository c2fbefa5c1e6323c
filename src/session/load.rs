//! `load` and `unload`.

use std::path::Path;
use std::time::Instant;

use candle_core::{DType, Device};

use super::{Base, Session, Unsaved};
use crate::adapter::Adapter;
use crate::device::memory;
use crate::hub::{self, Files};
use crate::model::{self, Forecast, Request};
use crate::tokenizer::Tokenizer;
use crate::{Error, Result};

/// Bytes so far and in all, while fetching.
pub type Progress<'a> = &'a mut dyn FnMut(u64, Option<u64>);

/// What a load did.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    pub name: String,
    pub family: &'static str,
    pub parameters: u64,
    pub bytes: u64,
    pub seconds: f64,
    /// The folder held an adapter: the model stayed.
    pub adapter: bool,
}

/// A model that was found but not read yet.
pub struct Plan {
    files: Files,
    request: Request,
    pub forecast: Forecast,
    /// What to call an adapter; without it as its folder.
    pub called: Option<String>,
}

impl Session {
    /// Finds a model or an adapter by name, folder or file and says what loading it takes. What is not here is fetched.
    ///
    /// # Errors
    /// Those of `hub::resolve`; `TooBig`; a config that cannot be read.
    pub fn find(&self, name: &str, dtype: Option<DType>, device: Option<Device>, progress: Progress) -> Result<Plan> {
        let files = hub::resolve(name, &self.cache, progress, &self.stop)?;
        let request = request(&files, dtype, device.unwrap_or_else(|| self.device.clone()));
        let forecast = if files.adapter { Forecast { bytes: 0, seconds: 0.0 } } else { model::forecast(&request)? };
        Ok(Plan { files, request, forecast, called: None })
    }

    /// What loading these files would take; nothing is fetched.
    ///
    /// # Errors
    /// `TooBig`; a config that cannot be read, or of a family that is not known.
    pub fn forecast_of(&self, files: &Files) -> Result<Forecast> {
        model::forecast(&request(files, None, self.device.clone()))
    }

    /// Loads what was found in place of the model that is there, an adapter onto it. On failure nothing changes.
    ///
    /// # Errors
    /// Those of `model::load`, `BadTokenizer`.
    pub fn load(&mut self, plan: Plan) -> Result<Loaded> {
        let started = Instant::now();
        let Plan { files, request, called, .. } = plan;
        if files.adapter {
            return self.attach(&files.folder, &files.name, called.as_deref());
        }
        // Neither waits for the other.
        let (tokenizer, model) = rayon::join(|| tokenizer_of(&files), || model::load(&request));
        let (tokenizer, model) = (tokenizer?, model?);
        if tokenizer.vocabulary() > model.spec.vocabulary {
            let cause = format!("the tokenizer has {} tokens, the model {}", tokenizer.vocabulary(), model.spec.vocabulary);
            return Err(Error::BadTokenizer { path: files.tokenizer.display().to_string(), cause });
        }
        self.put(Base { model, tokenizer, licence: files.licence });
        self.loaded_now(started, false)
    }

    /// Makes `base` the session's model; what belonged to the one before goes with it.
    pub(super) fn put(&mut self, base: Base) {
        self.clear_model();
        self.loaded = Some(base);
        self.publish();
    }

    /// Attaches the adapter in `folder` to the model that is there.
    ///
    /// # Errors
    /// `AdapterAlone` without a model, `BadAdapter`, `WrongShape`.
    pub fn load_adapter(&mut self, folder: &Path) -> Result<Loaded> {
        self.load_adapter_as(folder, None)
    }

    /// The same, under a name.
    ///
    /// # Errors
    /// As [`Session::load_adapter`]; `AdapterTaken`, `AdapterMerged`.
    pub fn load_adapter_as(&mut self, folder: &Path, called: Option<&str>) -> Result<Loaded> {
        self.attach(folder, &folder.display().to_string(), called)
    }

    fn attach(&mut self, folder: &Path, name: &str, called: Option<&str>) -> Result<Loaded> {
        let started = Instant::now();
        let Some(base) = &self.loaded else {
            return Err(Error::AdapterAlone { adapter: name.to_owned(), base: Adapter::base_of(folder) });
        };
        let adapter = Adapter::load(folder, &base.model)?;
        // Without a name it is called as its folder is, if that is no name of one that would be lost.
        let folder = name.trim_end_matches('/').rsplit('/').next().filter(|folder| self.check_name(folder).is_ok());
        self.attach_adapter(called.or(folder), adapter)?;
        self.loaded_now(started, true)
    }

    fn loaded_now(&self, started: Instant, adapter: bool) -> Result<Loaded> {
        let model = &self.base()?.model;
        Ok(Loaded {
            name: model.name.clone(),
            family: model.family.name,
            parameters: model.parameters(),
            bytes: model.bytes(),
            seconds: started.elapsed().as_secs_f64(),
            adapter,
        })
    }

    fn clear_model(&mut self) {
        self.loaded = None;
        self.adapter = None;
        self.shelf = super::adapters::Shelf::default();
        self.frozen = None;
        self.data = None;
        self.generation = None;
        self.chat.clear();
        self.unsaved = Unsaved::default();
        self.run = None;
    }

    /// Drops the model with its adapter and its tokenised data, and returns the process's resident bytes before and after.
    ///
    /// # Errors
    /// `NoModel`
    pub fn unload(&mut self) -> Result<(u64, u64)> {
        self.base()?;
        let before = memory::resident().unwrap_or(0);
        self.clear_model();
        self.publish();
        memory::give_back();
        Ok((before, memory::resident().unwrap_or(0)))
    }
}

fn request(files: &Files, dtype: Option<DType>, device: Device) -> Request {
    Request { name: files.name.clone(), weights: files.weights.clone(), config: files.config.clone(), dtype, device }
}

pub(super) fn tokenizer_of(files: &Files) -> Result<Tokenizer> {
    match files.gguf() {
        Some(path) => Tokenizer::from_gguf(path),
        None => Tokenizer::from_folder(&files.tokenizer),
    }
}

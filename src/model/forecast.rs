//! Bytes before anything is loaded, seconds before anything is trained. Estimates: the formula is printed with them.

use candle_core::DType;

use super::Model;
use super::load::{Request, describe};
use crate::device::memory;
use crate::{Error, Result};

/// What an operation will take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    pub bytes: u64,
    pub seconds: f64,
}

/// Memory that the system keeps for itself.
const RESERVE: u64 = 200 << 20;

/// What loading takes: the weights in the dtype they will have, and a copy of the largest file's page while it is read.
///
/// # Errors
/// `TooBig` with the figures and a smaller choice, before anything is read.
pub fn forecast(request: &Request) -> Result<Forecast> {
    let (_, config) = describe(request)?;
    let stored: u64 = request.weights.iter().filter_map(|path| path.metadata().ok()).map(|m| m.len()).sum();
    let blocks = request.weights.iter().any(|path| path.extension().is_some_and(|e| e == "gguf"));
    let eight = config["quantization_config"]["load_in_8bit"] == true;
    let packed = blocks || config["quantization_config"].is_object();
    let stored_width = match config["dtype"].as_str().or(config["torch_dtype"].as_str()) {
        Some("float16" | "bfloat16") if !packed => 2,
        _ => 4,
    };
    let bytes = match (request.dtype, packed) {
        (None, true) => stored,
        // Four-bit blocks hold a weight in about 5 bits; half of that error is far from mattering here.
        (Some(dtype), true) if eight => stored * dtype.size_in_bytes() as u64,
        (Some(dtype), true) => stored * 8 / 5 * dtype.size_in_bytes() as u64,
        (dtype, false) => stored / stored_width * dtype.unwrap_or(DType::F32).size_in_bytes() as u64,
    };
    let forecast = Forecast { bytes, seconds: bytes as f64 / 1e9 };
    let smaller =
        if request.dtype.is_none_or(|d| d == DType::F32) && !packed { format!("%load {} dtype=bf16", request.name) } else { String::new() };
    fits(&format!("`{}`", request.name), bytes, smaller)?;
    Ok(forecast)
}

/// Refuses what does not fit into the memory that is free now.
///
/// # Errors
/// `TooBig` with figures and `smaller`, a command that needs less.
pub fn fits(what: &str, bytes: u64, smaller: String) -> Result<()> {
    let Some(available) = memory::available() else { return Ok(()) };
    if bytes + RESERVE <= available {
        return Ok(());
    }
    let human = |n: u64| format!("{:.2} GB", n as f64 / 1e9);
    Err(Error::TooBig { what: what.to_owned(), needed: human(bytes), available: human(available), smaller })
}

impl Model {
    /// Bytes of one training step beside the weights: activations kept for the backward pass, and logits of one chunk.
    ///
    /// Per token and layer the graph keeps about 14 hidden-wide and 6 inner-wide f32 tensors (measured on this decoder).
    pub fn step_bytes(&self, tokens: usize) -> u64 {
        let spec = &self.spec;
        let layer = 14 * spec.hidden + 4 * (spec.q_width() + spec.kv_width()) + 6 * spec.inner;
        (tokens * spec.layers * layer * 4) as u64 + (64 << 20)
    }
}

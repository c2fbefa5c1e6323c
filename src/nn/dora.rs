//! DoRA's length of each output: a learned magnitude over the norm of what the adapter makes of the row. https://arxiv.org/abs/2402.09353

use std::sync::{Arc, OnceLock};

use candle_core::{DType, Device, Tensor};

use super::Weight;
use crate::ops::Layout;
use crate::{Result, ops};

/// `[out]` magnitudes of a low-rank delta, f32.
#[derive(Clone, Debug)]
pub struct Magnitude {
    pub m: Tensor,
    /// The gains, once known: only where A, B and m stay as they are.
    kept: Option<Arc<OnceLock<Tensor>>>,
}

impl Magnitude {
    pub fn new(m: Tensor) -> Self {
        Self { m, kept: None }
    }

    /// Outside of any graph, for as long as nothing is learned.
    pub(super) fn detached(&self) -> Self {
        Self { m: self.m.detach(), kept: Some(Arc::default()) }
    }

    /// `m / |W + scale * B A|` for each output, `[out]`. The norm counts as a constant: no gradient goes through it (section 4.3 of the paper).
    pub(super) fn gain(&self, norms: impl FnOnce() -> Result<Tensor>) -> Result<Tensor> {
        if let Some(gain) = self.kept.as_ref().and_then(|kept| kept.get()) {
            return Ok(gain.clone());
        }
        let gain = (&self.m / norms()?)?;
        Ok(match &self.kept {
            Some(kept) => kept.get_or_init(|| gain).clone(),
            None => gain,
        })
    }
}

/// The L2 norm of each output's row of `W + scale * B A`, `[out]`, outside of any graph; a `[r, in]`, b `[out, r]`.
///
/// `|w + s b A|^2 = |w|^2 + 2 s b (A w) + s^2 b (A A^T) b^T`: the sum is never formed, so packed rows stay packed.
///
/// # Errors
/// Shapes that do not fit.
pub fn row_norms(weight: &Weight, a: &Tensor, b: &Tensor, scale: f64) -> Result<Tensor> {
    let a = a.detach();
    norms(&weight.row_squares()?, &weight.apply(&a, None)?.detach(), &a, b, scale)
}

/// The same beside a table of embeddings `[vocabulary, hidden]`, which is a layer from tokens: the norm of each of its columns, `[hidden]`;
/// a `[r, vocabulary]`, b `[hidden, r]`.
///
/// # Errors
/// Shapes that do not fit.
pub fn table_norms(table: &Weight, a: &Tensor, b: &Tensor, scale: f64) -> Result<Tensor> {
    let a = a.detach();
    let (squares, through) = match table {
        Weight::Dense { tensor, .. } => {
            let table = tensor.detach();
            (ops::row_squares(&table, Layout::InOut)?, ops::linear(&a, &table, None, Layout::InOut)?)
        }
        Weight::Packed(packed) => (ops::packed_column_squares(packed)?, ops::packed_rows_mixed(&a, packed)?),
    };
    norms(&squares, &through, &a, b, scale)
}

/// Of the squares `[out]` of a weight's rows, and `through = A W^T`, `[r, out]`.
fn norms(squares: &Tensor, through: &Tensor, a: &Tensor, b: &Tensor, scale: f64) -> Result<Tensor> {
    let b = b.detach();
    let gram = a.matmul(&a.t()?)?; // (r, r)
    let numbers = |t: &Tensor| Ok::<Vec<f32>, crate::Error>(t.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.flatten_all()?.to_vec1()?);
    let (r, out) = through.dims2()?;
    let (mut squares, through, gram, rows) = (numbers(squares)?, numbers(through)?, numbers(&gram)?, numbers(&b)?);
    for (o, square) in squares.iter_mut().enumerate() {
        let b = &rows[o * r..(o + 1) * r];
        let (mut cross, mut own) = (0.0, 0.0);
        for (i, b_i) in b.iter().enumerate() {
            cross += f64::from(*b_i) * f64::from(through[i * out + o]);
            let along: f64 = b.iter().zip(&gram[i * r..]).map(|(b, g)| f64::from(*b) * f64::from(*g)).sum();
            own += f64::from(*b_i) * along;
        }
        let total = f64::from(*square) + 2.0 * scale * cross + scale * scale * own;
        *square = total.max(0.0).sqrt() as f32;
    }
    Ok(Tensor::from_vec(squares, out, a.device())?)
}

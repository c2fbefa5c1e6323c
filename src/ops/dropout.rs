//! Dropout from a seed: the mask is a function of the seed and the position, so a recomputed pass drops the same values.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::{float, noted, storage};

/// Zeroes each value with probability p and divides the rest by `1 - p`; the gradient passes the same mask.
///
/// # Errors
/// p outside `[0, 1)`.
pub fn dropout(x: &Tensor, p: f64, seed: u64) -> crate::Result<Tensor> {
    if !(0.0..1.0).contains(&p) {
        let (option, given, allowed) = ("dropout".to_owned(), p.to_string(), "0 <= p < 1".to_owned());
        return Err(crate::Error::BadValue { option, given, allowed });
    }
    if p == 0.0 {
        return Ok(x.clone());
    }
    let op = Dropout { threshold: (p * f64::from(u32::MAX)) as u32, scale: (1.0 / (1.0 - p)) as f32, seed };
    if x.device().is_cpu() {
        return Ok(noted::op1(&float(x)?.contiguous()?, false, op)?.to_dtype(x.dtype())?);
    }
    let mut mask = vec![1.0; x.elem_count()];
    storage::over_blocks(&mut mask, storage::BLOCK, |at, out| op.mask(at, out));
    let mask = Tensor::from_vec(mask, x.shape(), x.device())?.to_dtype(x.dtype())?;
    Ok((x * mask)?)
}

struct Dropout {
    threshold: u32,
    scale: f32,
    seed: u64,
}

impl Dropout {
    /// Multiplies the values at positions `at..` by their mask: splitmix64 of the counter. https://prng.di.unimi.it/splitmix64.c
    fn mask(&self, at: usize, out: &mut [f32]) {
        for (i, out) in out.iter_mut().enumerate() {
            let mut z = self.seed.wrapping_add(((at + i) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let draw = ((z ^ (z >> 31)) >> 32) as u32;
            *out = if draw < self.threshold { 0.0 } else { *out * self.scale };
        }
    }

    fn apply(&self, x: &[f32]) -> Vec<f32> {
        storage::made(x.len(), |at, out| {
            out.copy_from_slice(&x[at..at + out.len()]);
            self.mask(at, out);
        })
    }
}

impl CustomOp1 for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let CpuStorage::F32(_) = x else { bail!("dropout computes in f32") };
        Ok((CpuStorage::F32(self.apply(storage::floats(x, layout, "dropout")?)), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        storage::with_floats(grad, |g| storage::tensor(self.apply(g), x.dims())).map(Some)
    }
}

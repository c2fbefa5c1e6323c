//! Differentiable fused kernels: each is a candle CustomOp in f32 on the CPU and the plain candle composition elsewhere.
//!
//! Candle's own fused norms, softmax, rope and quantised products cut the autograd graph, and its matmul computes the gradient of
//! frozen weights; these do neither. Other float types are computed in f32 and given back in their own. Same machine, same build:
//! same bits for any number of threads.

mod activation;
mod adapted_entropy;
mod add;
mod attention;
mod attention_backward;
mod blocks;
mod coded;
mod columns;
mod cross_entropy;
mod dot;
mod dropout;
mod embedding;
mod graph;
mod lanes;
#[cfg(target_arch = "x86_64")]
mod lanes_x86;
mod linear;
mod low_rank;
mod matrix;
mod norm;
mod noted;
mod packed;
mod panels;
pub mod plain;
mod product;
mod reduce;
mod rope;
mod rounding;
mod simd;
mod softmax;
mod split;
mod storage;
#[cfg(test)]
mod tests;
mod unpack;
mod vector;

pub use activation::{gelu_erf, gelu_new, swiglu};
pub use adapted_entropy::{HeadDelta, adapted_cross_entropy, adapted_token_losses};
pub use add::add;
pub use attention::{attention, attention_probabilities, packed_attention};
pub use blocks::{widen_bf16, widen_f16};
pub use columns::{packed_column_squares, packed_row_squares, packed_rows_mixed, row_squares, scale_columns};
pub use cross_entropy::{HeadWeight, chunk_rows, cross_entropy, smoothed_cross_entropy, token_losses};
pub use dropout::dropout;
pub use embedding::{embedding, packed_embedding, rows};
pub use graph::{Grads, Graph, aside};
pub use linear::{Layout, linear};
pub use low_rank::low_rank;
pub use norm::{layer_norm, rms_norm};
pub use noted::{reshape, transpose};
pub use packed::packed_linear;
pub use rope::rope;
pub use rounding::rounded;
pub use split::split;

use candle_core::{DType, Result, Tensor};

/// In f32, on the graph.
fn float(x: &Tensor) -> Result<Tensor> {
    x.to_dtype(DType::F32)
}

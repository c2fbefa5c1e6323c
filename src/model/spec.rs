//! What a decoder needs to know about its own shape: read from a config, never guessed from the weights.

use crate::nn::RopeScaling;

#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    /// Key/value heads; fewer than `heads` is grouped-query attention (arXiv 2305.13245).
    pub kv_heads: usize,
    pub head_dim: usize,
    /// Width inside the MLP.
    pub inner: usize,
    /// Positions the model was made for.
    pub context: usize,
    pub norm: NormKind,
    pub eps: f64,
    pub position: Position,
    pub mlp: Mlp,
    /// Attention and MLP read the same input and are added together (GPT-NeoX, arXiv 2204.06745).
    pub parallel: bool,
    /// Fused projections hold q, k, v head by head, not one after the other.
    pub qkv_by_head: bool,
    /// Biases on q, k, v.
    pub qkv_bias: bool,
    /// Bias on the attention's output projection.
    pub out_bias: bool,
    pub mlp_bias: bool,
    /// RMS norm over each head of q and k.
    pub qk_norm: bool,
    /// Keys that a query sees, itself included; all before it where there is none.
    pub window: Option<usize>,
    /// The output head is the embedding table.
    pub tied: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    Rms,
    Layer,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Position {
    /// A table added to the embeddings.
    Learned,
    Rope {
        theta: f64,
        dims: usize,
        scaling: Option<RopeScaling>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mlp {
    /// `down(silu(gate(x)) * up(x))`
    Gated,
    /// `proj(act(fc(x)))`
    Plain(Activation),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`
    GeluNew,
    /// `0.5 x (1 + erf(x / sqrt(2)))`
    Gelu,
}

impl Spec {
    pub fn q_width(&self) -> usize {
        self.heads * self.head_dim
    }

    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Weights of one layer that enter matrix products.
    pub fn layer_products(&self) -> usize {
        let attention = self.hidden * (2 * self.q_width() + 2 * self.kv_width());
        let mlp = self.hidden * self.inner * if self.mlp == Mlp::Gated { 3 } else { 2 };
        attention + mlp
    }

    /// All numbers of the model, norms and biases included to within a per mille.
    pub fn parameters(&self) -> u64 {
        let tables = self.vocabulary * self.hidden * if self.tied { 1 } else { 2 };
        let positions = if self.position == Position::Learned { self.context * self.hidden } else { 0 };
        (tables + positions + self.layers * self.layer_products()) as u64
    }
}

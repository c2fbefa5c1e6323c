//! The weights of a decoder, in the hub's layout and names whatever file they came from.

use candle_core::{DType, Device, Tensor, Var};

use super::families::Family;
use super::frozen::Frozen;
use super::spec::Spec;
use crate::Result;
use crate::nn::{Linear, Norm, Rope, Weight};

#[derive(Clone)]
pub struct Model {
    /// What the person called it.
    pub name: String,
    pub family: &'static Family,
    pub spec: Spec,
    /// `config.json`, kept whole so that saving loses nothing.
    pub config: serde_json::Value,
    pub device: Device,
    /// `[vocabulary, hidden]`
    pub embed: Weight,
    /// `[context, hidden]` of learned positions.
    pub positions: Option<Tensor>,
    pub rope: Option<Rope>,
    pub layers: Vec<Layer>,
    pub norm: Norm,
    /// `None`: tied to `embed`.
    pub head: Option<Linear>,
}

#[derive(Clone)]
pub struct Layer {
    pub norm1: Norm,
    pub attention: Attention,
    pub norm2: Norm,
    /// Only in a gated MLP.
    pub gate: Option<Linear>,
    pub up: Linear,
    pub down: Linear,
}

#[derive(Clone)]
pub struct Attention {
    pub projection: Projection,
    pub q_norm: Option<Norm>,
    pub k_norm: Option<Norm>,
    pub out: Linear,
}

#[derive(Clone)]
pub enum Projection {
    Split {
        q: Linear,
        k: Linear,
        v: Linear,
    },
    /// One matrix, `[q | k | v]` along its output.
    Fused(Linear),
}

/// A place in the model that holds numbers.
pub enum Slot<'m> {
    Matrix(&'m mut Weight),
    Vector(&'m mut Tensor),
}

impl Model {
    /// The linear layers inside the blocks: those an adapter may target. The head is not among them.
    pub fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.layers.iter().flat_map(Layer::linears)
    }

    /// Numbers in the model.
    pub fn parameters(&self) -> u64 {
        let norms = |norm: &Norm| norm.weight.elem_count() + norm.bias.as_ref().map_or(0, Tensor::elem_count);
        let linear = |linear: &Linear| linear.weight.elements() + linear.bias.as_ref().map_or(0, Tensor::elem_count) as u64;
        let layers: u64 =
            self.layers.iter().map(|layer| layer.linears().map(linear).sum::<u64>() + layer.norms().map(norms).sum::<usize>() as u64).sum();
        let ends = self.embed.elements() + self.head.as_ref().map_or(0, linear);
        layers + ends + (norms(&self.norm) + self.positions.as_ref().map_or(0, Tensor::elem_count)) as u64
    }

    /// Bytes of all weights in memory.
    pub fn bytes(&self) -> u64 {
        let tensor = |tensor: &Tensor| (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64;
        let norm = |norm: &Norm| tensor(&norm.weight) + norm.bias.as_ref().map_or(0, tensor);
        let linear = |linear: &Linear| linear.weight.bytes() + linear.bias.as_ref().map_or(0, tensor);
        let layers: u64 =
            self.layers.iter().map(|layer| layer.linears().map(linear).sum::<u64>() + layer.norms().map(norm).sum::<u64>()).sum();
        layers + self.embed.bytes() + self.head.as_ref().map_or(0, linear) + norm(&self.norm) + self.positions.as_ref().map_or(0, tensor)
    }

    /// The formats of the matrices inside blocks, the commonest first: `f32`, `q5_0 + q4_k`, …
    pub fn format(&self) -> String {
        let mut formats: Vec<(String, u64)> = Vec::new();
        for linear in self.linears() {
            let format = linear.weight.format();
            match formats.iter_mut().find(|(name, _)| *name == format) {
                Some((_, elements)) => *elements += linear.weight.elements(),
                None => formats.push((format, linear.weight.elements())),
            }
        }
        formats.sort_by_key(|(_, elements)| std::cmp::Reverse(*elements));
        let names: Vec<String> = formats.into_iter().map(|(name, _)| name).collect();
        if names.is_empty() { self.embed.format() } else { names.join(" + ") }
    }

    /// Whether any matrix is packed.
    pub fn packed(&self) -> bool {
        let packed = |weight: &Weight| matches!(weight, Weight::Packed(_));
        packed(&self.embed) || self.linears().any(|linear| packed(&linear.weight))
    }

    /// Visits every tensor under its name in the hub's layout, in a fixed order.
    ///
    /// # Errors
    /// The first error of `visit`.
    pub fn visit(&mut self, visit: &mut dyn FnMut(&str, Slot) -> Result<()>) -> Result<()> {
        let names = &self.family.names;
        visit(&format!("{}.weight", names.embed), Slot::Matrix(&mut self.embed))?;
        if let Some(positions) = &mut self.positions {
            visit(&format!("{}.weight", names.positions), Slot::Vector(positions))?;
        }
        for layer in &mut self.layers {
            layer.visit(visit)?;
        }
        visit_norm(&mut self.norm, visit)?;
        self.head.as_mut().map_or(Ok(()), |head| visit_linear(head, visit))
    }

    /// Makes every dense tensor of the model a variable, named as in [`Model::visit`]; the model computes with them from then on.
    ///
    /// # Errors
    /// Memory.
    pub fn track(&mut self) -> Result<Vec<(String, Var)>> {
        self.track_but(&Frozen::default())
    }

    /// The same, but for what is frozen: that stays as it is, shared.
    ///
    /// # Errors
    /// Memory.
    pub fn track_but(&mut self, frozen: &Frozen) -> Result<Vec<(String, Var)>> {
        let mut vars = Vec::new();
        self.visit(&mut |name, slot| {
            let (Slot::Matrix(Weight::Dense { tensor, .. }) | Slot::Vector(tensor)) = slot else { return Ok(()) };
            if frozen.holds(name) {
                return Ok(());
            }
            let var = Var::from_tensor(&tensor.copy()?)?;
            *tensor = var.as_tensor().clone();
            vars.push((name.to_owned(), var));
            Ok(())
        })?;
        Ok(vars)
    }

    /// The same numbers, shared, outside of any graph: what a forward pass without gradients runs on.
    pub fn detached(&self) -> Self {
        let mut model = self.clone();
        let detach = model.visit(&mut |_, slot| {
            match slot {
                Slot::Matrix(Weight::Dense { tensor, .. }) | Slot::Vector(tensor) => *tensor = tensor.detach(),
                Slot::Matrix(Weight::Packed(_)) => {}
            }
            Ok(())
        });
        debug_assert!(detach.is_ok(), "detaching cannot fail");
        model
    }

    /// A copy with every matrix dense in `dtype` and every vector f32; what is so already is shared.
    ///
    /// # Errors
    /// Memory.
    pub fn converted(&self, dtype: DType) -> Result<Self> {
        self.converted_but(dtype, false)
    }

    /// The same; `packed` matrices stay as they are, with half floats beside them, where products read them block by block. Other devices get all
    /// dense.
    ///
    /// # Errors
    /// Memory.
    pub fn converted_but(&self, dtype: DType, packed: bool) -> Result<Self> {
        let mut model = self.clone();
        let narrow = self.stays_packed(packed);
        model.visit(&mut |_, slot| {
            match slot {
                Slot::Matrix(weight) if narrow && weight.narrow() => {}
                Slot::Matrix(weight) => *weight = weight.converted(dtype, &self.device)?,
                Slot::Vector(tensor) => *tensor = tensor.to_dtype(DType::F32)?,
            }
            Ok(())
        })?;
        Ok(model)
    }

    fn stays_packed(&self, packed: bool) -> bool {
        packed && self.packed() && self.device.is_cpu()
    }

    /// Bytes that [`Model::converted_but`] adds to what is there.
    pub fn converted_bytes(&self, dtype: DType, packed: bool) -> u64 {
        let narrow = self.stays_packed(packed);
        let head = self.head.as_ref().map(|head| &head.weight);
        let matrices = self.linears().map(|linear| &linear.weight).chain([&self.embed]).chain(head);
        let added = |weight: &Weight| match weight {
            weight if narrow && weight.narrow() => 0,
            Weight::Dense { tensor, .. } if tensor.dtype() == dtype => 0,
            weight => weight.elements() * dtype.size_in_bytes() as u64,
        };
        matrices.map(added).sum()
    }
}

impl Layer {
    pub fn linears(&self) -> impl Iterator<Item = &Linear> {
        let (q, k, v) = match &self.attention.projection {
            Projection::Split { q, k, v } => (q, Some(k), Some(v)),
            Projection::Fused(qkv) => (qkv, None, None),
        };
        [Some(q), k, v, Some(&self.attention.out), self.gate.as_ref(), Some(&self.up), Some(&self.down)].into_iter().flatten()
    }

    fn norms(&self) -> impl Iterator<Item = &Norm> {
        [Some(&self.norm1), Some(&self.norm2), self.attention.q_norm.as_ref(), self.attention.k_norm.as_ref()].into_iter().flatten()
    }

    fn visit(&mut self, visit: &mut dyn FnMut(&str, Slot) -> Result<()>) -> Result<()> {
        visit_norm(&mut self.norm1, visit)?;
        match &mut self.attention.projection {
            Projection::Split { q, k, v } => {
                visit_linear(q, visit)?;
                visit_linear(k, visit)?;
                visit_linear(v, visit)?;
            }
            Projection::Fused(qkv) => visit_linear(qkv, visit)?,
        }
        for norm in [&mut self.attention.q_norm, &mut self.attention.k_norm].into_iter().flatten() {
            visit_norm(norm, visit)?;
        }
        visit_linear(&mut self.attention.out, visit)?;
        visit_norm(&mut self.norm2, visit)?;
        if let Some(gate) = &mut self.gate {
            visit_linear(gate, visit)?;
        }
        visit_linear(&mut self.up, visit)?;
        visit_linear(&mut self.down, visit)
    }
}

fn visit_linear(linear: &mut Linear, visit: &mut dyn FnMut(&str, Slot) -> Result<()>) -> Result<()> {
    visit(&format!("{}.weight", linear.path), Slot::Matrix(&mut linear.weight))?;
    linear.bias.as_mut().map_or(Ok(()), |bias| visit(&format!("{}.bias", linear.path), Slot::Vector(bias)))
}

fn visit_norm(norm: &mut Norm, visit: &mut dyn FnMut(&str, Slot) -> Result<()>) -> Result<()> {
    visit(&format!("{}.weight", norm.path), Slot::Vector(&mut norm.weight))?;
    norm.bias.as_mut().map_or(Ok(()), |bias| visit(&format!("{}.bias", norm.path), Slot::Vector(bias)))
}

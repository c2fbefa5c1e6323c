//! Names of activations: the family's own module names, as its weights have them, without the first word.

use super::names::at;
use super::{Model, Site};

impl Model {
    /// Every activation with its name, in the order of the forward pass: `layers.3.residual` (before the layer; one more for what the
    /// last norm gets), `layers.3.self_attn.q`, `.k`, `.v` (after rope), `.probabilities`, `layers.3.self_attn` and `layers.3.mlp` (what
    /// each adds to the residual stream).
    pub fn activations(&self) -> Vec<(String, usize, Site)> {
        let names = &self.family.names;
        let parent = |name: &'static str| {
            let module = name.rsplit_once('.').map_or(name, |(parent, _)| parent);
            module.split_once('.').map_or(module, |(_, rest)| rest)
        };
        let (layer, attention, mlp) = (parent(names.norm1), parent(names.out), parent(names.down));
        let mut all = Vec::new();
        for i in 0..self.layers.len() {
            all.push((at(layer, i) + ".residual", i, Site::Residual));
            let parts = [("q", Site::Query), ("k", Site::Key), ("v", Site::Value), ("probabilities", Site::Probabilities)];
            all.extend(parts.map(|(part, site)| (format!("{}.{part}", at(attention, i)), i, site)));
            all.push((at(attention, i), i, Site::Attended));
            all.push((at(mlp, i), i, Site::Mlp));
        }
        let end = self.layers.len();
        all.push((at(layer, end) + ".residual", end, Site::Residual));
        all
    }

    /// The activation of this name; the first word of the family's names may stand before it (`model.layers.3.mlp`).
    pub fn activation(&self, name: &str) -> Option<(usize, Site)> {
        let first = self.family.names.norm1.split('.').next().unwrap_or_default();
        let short = name.strip_prefix(first).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name);
        self.activations().into_iter().find(|(known, ..)| known == short).map(|(_, layer, site)| (layer, site))
    }
}

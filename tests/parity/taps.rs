//! What a tap puts in the place of an activation goes on in its place, for every family.

use candle_core::Tensor;
use lantern::Result;
use lantern::model::{Input, Model, Site, Tap};
use lantern::nn::Pass;

use super::fixture::{MODELS, largest, load, logits, tensors};

/// Multiplies one activation.
struct Scale {
    at: (usize, Site),
    by: f64,
    seen: usize,
}

impl Tap for Scale {
    fn wants(&self, layer: usize, site: Site) -> bool {
        self.at == (layer, site)
    }

    fn take(&mut self, _layer: usize, _site: Site, _activation: &Tensor) -> Result<()> {
        Ok(())
    }

    fn replace(&mut self, _layer: usize, _site: Site, activation: &Tensor) -> Result<Option<Tensor>> {
        self.seen += 1;
        Ok(Some((activation * self.by)?))
    }
}

fn scaled(model: &Model, ids: &Tensor, at: (usize, Site), by: f64) -> Tensor {
    let mut tap = Scale { at, by, seen: 0 };
    let hidden = model.forward(Input::Ids(ids), None, &Pass::default(), &mut tap).unwrap();
    assert_eq!(tap.seen, 1, "{at:?}");
    model.logits(&hidden, &Pass::default()).unwrap()
}

#[test]
fn every_activation_of_every_family_can_be_replaced() {
    for name in MODELS {
        let (model, ids) = (load(name), tensors(&format!("{name}/golden.safetensors")).ids("ids"));
        let plain = logits(&model, &ids, None);
        let all = model.activations();
        assert_eq!(all.len(), 7 * model.layers.len() + 1, "{name}");
        for (activation, layer, site) in all {
            assert_eq!(model.activation(&activation), Some((layer, site)));
            let apart = |by: f64| largest(&(&plain - scaled(&model, &ids, (layer, site), by)).unwrap());
            assert!(apart(1.0) < 1e-5, "{name} {activation}: the same put back gives {}", apart(1.0));
            // A final norm takes a plain factor away again.
            let by = if (layer, site) == (model.layers.len(), Site::Residual) { -1.0 } else { 0.5 };
            assert!(apart(by) > 1e-3, "{name} {activation}: another changes {}", apart(by));
        }
    }
}

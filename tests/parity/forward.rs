//! Logits and hidden states; and each fixture rejects its mutants.

use candle_core::{IndexOp, Tensor};
use lantern::model::{Input, Site, Tap, families};
use lantern::nn::Pass;

use super::fixture::{MODELS, apart, close, json, largest, load, logits, say, tensors};

/// Keeps the residual stream, and attention probabilities where asked.
#[derive(Default)]
struct Keep {
    residual: Vec<Tensor>,
    probabilities: Vec<Tensor>,
}

impl Tap for Keep {
    fn wants(&self, _layer: usize, site: Site) -> bool {
        matches!(site, Site::Residual | Site::Probabilities)
    }

    fn take(&mut self, _layer: usize, site: Site, activation: &Tensor) -> lantern::Result<()> {
        if site == Site::Residual {
            self.residual.push(activation.clone())
        } else {
            self.probabilities.push(activation.clone())
        }
        Ok(())
    }
}

#[test]
fn logits_and_hidden_states_equal_transformers() {
    for name in MODELS {
        let (model, golden) = (load(name), tensors(&format!("{name}/golden.safetensors")));
        let ids = golden.ids("ids");
        close(&format!("{name} logits"), &logits(&model, &ids, None), golden.get("logits"), 1e-4);
        let mut kept = Keep::default();
        let last = model.forward(Input::Ids(&ids), None, &Pass::default(), &mut kept).unwrap();
        let states = [&kept.residual[0], &kept.residual[1], &last];
        for (layer, ours) in states.into_iter().enumerate() {
            close(&format!("{name} hidden.{layer}"), ours, golden.get(&format!("hidden.{layer}")), 1e-4);
        }
        assert_eq!(kept.probabilities.len(), 2);
        for probabilities in &kept.probabilities {
            let sums = probabilities.sum(3).unwrap();
            close("probabilities", &sums, &sums.ones_like().unwrap(), 1e-5);
        }
        let tapped = model.logits(&last, &Pass::default()).unwrap();
        assert_eq!(apart(&tapped, &logits(&model, &ids, None)), 0.0, "looking changes nothing");
    }
}

#[test]
fn a_row_alone_and_padded_in_a_batch() {
    for name in MODELS {
        let (model, golden) = (load(name), tensors(&format!("{name}/golden.safetensors")));
        let short = golden.ids("short_ids");
        let alone = logits(&model, &short.unsqueeze(0).unwrap(), None).i(0).unwrap();
        close(&format!("{name} short row"), &alone, golden.get("short_logits"), 1e-4);
        // Padding stands on the right here, where causal attention never looks back at it.
        let padding = Tensor::full(7_u32, 5, short.device()).unwrap();
        let padded = Tensor::cat(&[&short, &padding], 0).unwrap();
        let both = Tensor::stack(&[&golden.ids("ids").i(0).unwrap(), &padded], 0).unwrap();
        let together = logits(&model, &both, None);
        close(&format!("{name} short row padded"), &together.i((1, ..7)).unwrap(), golden.get("short_logits"), 1e-4);
        close(&format!("{name} row 0 beside it"), &together.i(0).unwrap(), &golden.get("logits").i(0).unwrap(), 1e-4);
    }
}

#[test]
fn the_fixtures_reject_their_mutants() {
    let table = json("mutants.json");
    for name in MODELS {
        let (model, golden) = (load(name), tensors(&format!("{name}/golden.safetensors")));
        let ours = logits(&model, &golden.ids("ids"), None).i((.., 11)).unwrap();
        let mutants = table[name].as_object().unwrap();
        assert!(mutants.len() >= 6, "{name}");
        for (mutant, row) in mutants {
            let last: Vec<Vec<f32>> = serde_json::from_value(row["last"].clone()).unwrap();
            let difference = apart(&ours, &Tensor::new(last, ours.device()).unwrap());
            say(&format!("{name} is not {mutant}: {difference:.2e}"));
            assert!(difference > 1e-2, "{name} cannot tell {mutant}: {difference}");
        }
    }
}

#[test]
fn every_family_has_a_fixture() {
    let fixtures: Vec<_> = MODELS.iter().map(|name| load(name).family.name).collect();
    for family in families::FAMILIES {
        assert!(fixtures.contains(&family.name), "{} stands in the table without proof", family.name);
    }
}

#[test]
fn what_is_not_a_number_is_not_close() {
    let x = Tensor::new(&[1.0_f32, f32::NAN], &candle_core::Device::Cpu).unwrap();
    assert!(apart(&x, &x).is_infinite() && largest(&x.i(..1).unwrap()) == 1.0);
}

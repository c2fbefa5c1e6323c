//! Virtual tokens beside tokens: a soft prompt of real tokens' numbers does what the tokens do.

use std::collections::{BTreeMap, HashMap};

use candle_core::{IndexOp, Tensor};
use lantern::Result;
use lantern::model::{Input, Model, NoTap, Site, Tap};
use lantern::nn::{Cache, Deltas, Encoder, Net, Pass, Place, Soft, TABLE};

use super::fixture::{MODELS, apart, largest, load, logits, row, within};

const BEFORE: &[u32] = &[17, 4, 42, 8, 23];
const TOKENS: &[u32] = &[5, 9, 31, 2, 64, 7, 11];

/// Keeps each layer's keys and values.
#[derive(Default)]
struct Seen(HashMap<(usize, bool), Tensor>);

impl Tap for Seen {
    fn wants(&self, _: usize, site: Site) -> bool {
        matches!(site, Site::Key | Site::Value)
    }

    fn take(&mut self, layer: usize, site: Site, activation: &Tensor) -> Result<()> {
        self.0.insert((layer, site == Site::Value), activation.clone());
        Ok(())
    }
}

/// The embeddings of `BEFORE`.
fn as_input(model: &Model) -> Soft {
    Soft { rows: model.embed.embed(&row(BEFORE)).unwrap().i(0).unwrap(), place: Place::Input }
}

/// The keys and values that `BEFORE` leaves in each layer.
fn as_layers(model: &Model) -> Soft {
    let mut seen = Seen::default();
    model.forward(Input::Ids(&row(BEFORE)), None, &Pass::default(), &mut seen).unwrap();
    let flat = |x: &Tensor| x.i(0).unwrap().transpose(0, 1).unwrap().flatten_from(1).unwrap(); // (n, H D)
    let rows: Vec<Tensor> = (0..model.layers.len()).flat_map(|i| [(i, false), (i, true)]).map(|key| flat(&seen.0[&key])).collect();
    let place = Place::Layers { heads: model.spec.kv_heads, dim: model.spec.head_dim };
    Soft { rows: Tensor::cat(&rows, 1).unwrap(), place }
}

fn deltas(soft: Soft) -> Deltas {
    let encoder = Encoder::new(BTreeMap::from([(TABLE.to_owned(), soft.rows)]), Net::Bare, soft.place).unwrap();
    Deltas { prompt: Some(encoder), ..Deltas::default() }
}

#[test]
fn virtual_tokens_with_the_numbers_of_tokens_do_what_these_do() {
    for name in MODELS {
        let model = load(name);
        let whole = logits(&model, &row(&[BEFORE, TOKENS].concat()), None).i((0, BEFORE.len()..)).unwrap();
        let without = logits(&model, &row(TOKENS), None).i(0).unwrap();
        for soft in [as_input(&model), as_layers(&model)] {
            let kind = format!("{name} {:?}", soft.place);
            let with = logits(&model, &row(TOKENS), Some(&deltas(soft.clone()))).i(0).unwrap();
            within(&kind, apart(&with, &whole) / largest(&whole), 1e-5);
            assert!(apart(&with, &without) > 1e-2, "{kind} must change something");
            let swapped = Soft { rows: Tensor::cat(&[soft.rows.i(1..).unwrap(), soft.rows.i(..1).unwrap()], 0).unwrap(), ..soft };
            if swapped.place == Place::Input {
                let swapped = logits(&model, &row(TOKENS), Some(&deltas(swapped))).i(0).unwrap();
                assert!(apart(&swapped, &whole) > 1e-3, "{kind} with its rows in another order");
            }
        }
    }
}

#[test]
fn a_cache_holds_the_virtual_tokens_from_its_first_use_on() {
    for name in MODELS {
        let model = load(name);
        for soft in [as_input(&model), as_layers(&model)] {
            let kind = format!("{name} {:?}, cached", soft.place);
            let deltas = deltas(soft);
            let pass = Pass { deltas: Some(&deltas), ..Pass::default() };
            let whole = logits(&model, &row(TOKENS), Some(&deltas)).i(0).unwrap();
            let mut cache = Cache::new();
            let mut step = |ids: &[u32]| {
                let hidden = model.forward(Input::Ids(&row(ids)), Some(std::slice::from_mut(&mut cache)), &pass, &mut NoTap).unwrap();
                assert_eq!(hidden.dim(1).unwrap(), ids.len());
                model.logits(&hidden, &Pass::default()).unwrap().i(0).unwrap()
            };
            let stepped = Tensor::cat(&[step(&TOKENS[..3]), step(&TOKENS[3..4]), step(&TOKENS[4..])], 0).unwrap();
            within(&kind, apart(&stepped, &whole) / largest(&whole), 1e-5);
            assert_eq!((cache.len(), cache.held()), (TOKENS.len(), BEFORE.len() + TOKENS.len()), "{kind}");
            cache.truncate(0);
            assert_eq!(cache.held(), BEFORE.len(), "{kind}: the virtual tokens stay");
        }
    }
}

#[test]
fn a_row_of_a_batch_has_its_own_virtual_tokens() {
    for name in MODELS {
        let model = load(name);
        for soft in [as_input(&model), as_layers(&model)] {
            let deltas = deltas(soft);
            let rows = [row(&TOKENS[..4]), row(&TOKENS[3..])];
            let together = logits(&model, &Tensor::cat(&rows, 0).unwrap(), Some(&deltas));
            for (i, ids) in rows.iter().enumerate() {
                let alone = logits(&model, ids, Some(&deltas)).i(0).unwrap();
                within(&format!("{name} row {i}"), apart(&alone, &together.i(i).unwrap()) / largest(&alone), 1e-5);
            }
        }
    }
}

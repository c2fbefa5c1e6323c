//! Greedy text; cached = uncached; alone = in a batch.

use candle_core::{IndexOp, Tensor};
use lantern::generate::{Generation, Options};
use lantern::model::{Input, Model, NoTap};
use lantern::nn::{Cache, Pass};
use lantern::random::Random;
use lantern::tokenizer::Tokenizer;

use super::fixture::{MODELS, apart, ids_of, json, largest, load, logits, row, tokenizer, within};

/// What the session's generation writes, token by token.
pub fn greedy(model: &Model, tokenizer: &Tokenizer, prompt: &[u32], count: usize) -> Vec<u32> {
    let options = Options { max_new_tokens: Some(count), ..Options::default() };
    let mut generation = Generation::begin(model, tokenizer, prompt, None, &options, Random::seeded(1)).unwrap();
    while generation.step(model).unwrap().is_some() {}
    generation.new_ids().to_vec()
}

/// Prompts and their 32 greedy tokens.
fn rows(name: &str) -> Vec<(Vec<u32>, Vec<u32>)> {
    let golden = json(&format!("{name}/golden.json"));
    let rows = golden["greedy"].as_array().unwrap();
    rows.iter().map(|row| (ids_of(&row["prompt"]), ids_of(&row["new"]))).collect()
}

fn cached(model: &Model, ids: &[u32], cache: &mut Cache) -> Tensor {
    let hidden = model.forward(Input::Ids(&row(ids)), Some(std::slice::from_mut(cache)), &Pass::default(), &mut NoTap).unwrap();
    model.logits(&hidden, &Pass::default()).unwrap().i(0).unwrap() // (T, V)
}

#[test]
fn greedy_tokens_equal_transformers() {
    for name in MODELS {
        let (model, tokenizer) = (load(name), tokenizer(name));
        let rows = rows(name);
        for (prompt, new) in &rows {
            assert_eq!(&greedy(&model, &tokenizer, prompt, 32), new, "{name}");
        }
        assert_eq!(rows.len(), 3);
    }
}

#[test]
fn cached_logits_equal_uncached_ones_at_every_position() {
    for name in MODELS {
        let model = load(name);
        let (mut one_by_one, mut in_pieces) = (0.0_f64, 0.0_f64);
        for (prompt, new) in rows(name) {
            let ids = [prompt.clone(), new].concat();
            let whole = logits(&model, &row(&ids), None).i(0).unwrap();
            let (mut single, mut pieces) = (Cache::new(), Cache::new());
            let mut stepped = vec![cached(&model, &ids[..prompt.len()], &mut single)];
            stepped.extend(ids[prompt.len()..].iter().map(|id| cached(&model, &[*id], &mut single)));
            let chunked: Vec<_> = ids.chunks(5).map(|ids| cached(&model, ids, &mut pieces)).collect();
            // Logits reach 17 here, where float32 steps by 2e-6: the sums of one row and of 49 are taken in another order.
            one_by_one = one_by_one.max(apart(&Tensor::cat(&stepped, 0).unwrap(), &whole) / largest(&whole));
            in_pieces = in_pieces.max(apart(&Tensor::cat(&chunked, 0).unwrap(), &whole) / largest(&whole));
            assert_eq!((single.len(), pieces.len()), (ids.len(), ids.len()));
        }
        within(&format!("{name} cached, token by token"), one_by_one, 1e-5);
        within(&format!("{name} cached, five at a time"), in_pieces, 1e-5);
    }
}

/// Three rows whose caches differ in length take their next tokens together.
#[test]
fn a_row_in_a_batch_has_the_bits_of_the_row_alone() {
    for name in MODELS {
        let model = load(name);
        let rows = rows(name);
        let mut alone: Vec<Cache> = rows.iter().map(|_| Cache::new()).collect();
        let mut batch: Vec<Cache> = rows.iter().map(|_| Cache::new()).collect();
        for (row, (prompt, _)) in rows.iter().enumerate() {
            cached(&model, prompt, &mut alone[row]);
            cached(&model, prompt, &mut batch[row]);
        }
        for t in 0..32 {
            let next: Vec<u32> = rows.iter().map(|(_, new)| new[t]).collect();
            let input = Tensor::new(next.clone(), &model.device).unwrap().unsqueeze(1).unwrap(); // (3, 1)
            let hidden = model.forward(Input::Ids(&input), Some(&mut batch), &Pass::default(), &mut NoTap).unwrap();
            let together = model.logits(&hidden, &Pass::default()).unwrap();
            for (row, cache) in alone.iter_mut().enumerate() {
                let single = cached(&model, &next[row..=row], cache);
                assert_eq!(apart(&single, &together.i(row).unwrap()), 0.0, "{name}, row {row}, token {t}");
            }
        }
    }
}

/// A cache that is cut back and filled again is as if it had never gone on.
#[test]
fn a_truncated_cache_forgets() {
    let model = load("llama-tiny");
    let (prompt, new) = rows("llama-tiny").remove(0);
    let mut cache = Cache::new();
    cached(&model, &prompt, &mut cache);
    let first = cached(&model, &new[..4], &mut cache);
    cache.truncate(prompt.len());
    cached(&model, &new[8..20], &mut cache);
    cache.truncate(prompt.len());
    assert_eq!(apart(&first, &cached(&model, &new[..4], &mut cache)), 0.0);
}

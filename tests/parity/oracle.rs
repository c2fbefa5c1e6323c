//! Roads to one answer: candle-transformers' llama, batches against accumulation, seeds, threads.

use std::sync::LazyLock;

use candle_core::{DType, Device, IndexOp, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::llama::{Cache, Llama, LlamaConfig};
use lantern::adapter::{Adapter, Lora, Targets};
use lantern::data::{Example, batch};
use lantern::model::{self, Model};
use lantern::nn::Deltas;
use lantern::random::Random;
use lantern::stop::Stop;
use lantern::train::{self, Recipe, Run};

use super::fixture::{TRAINED, apart, close, examples, in_order, largest, load, logits, path, tensors, within};

#[test]
fn candles_own_llama_says_the_same() {
    for name in ["llama-tiny", "llama-tied-tiny"] {
        let mut json = super::fixture::json(&format!("{name}/config.json"));
        if json["rope_theta"].is_null() {
            json["rope_theta"] = json["rope_parameters"]["rope_theta"].clone();
        }
        let config = serde_json::from_value::<LlamaConfig>(json).unwrap().into_config(false);
        let file = path(&format!("{name}/model.safetensors"));
        let weights = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
        let oracle = Llama::load(VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu), &config).unwrap();
        let ids = tensors(&format!("{name}/golden.safetensors")).ids("ids");
        let ours = logits(&load(name), &ids, None);
        for t in 0..12 {
            let mut cache = Cache::new(false, DType::F32, &config, &Device::Cpu).unwrap();
            let last = oracle.forward(&ids.i((.., ..=t)).unwrap().contiguous().unwrap(), 0, &mut cache).unwrap(); // (B, V)
            close(&format!("{name} as candle-transformers, position {t}"), &ours.i((.., t)).unwrap(), &last, 1e-4);
        }
    }
}

/// Four rows at once and one by one: the mean is over all learned tokens of the window, however many a row has.
#[test]
fn four_batches_of_one_are_one_batch_of_four() {
    for name in TRAINED {
        let golden = tensors(&format!("{name}/training.safetensors"));
        let mut rows = examples(golden.get("accumulated.ids"), golden.get("accumulated.labels"));
        rows.truncate(4);
        rows[1].cut(7); // rows of two lengths: one batch of four pads
        let mut model = load(name);
        let vars = model.track().unwrap();
        let gradients = |windows: &[&[Example]]| {
            let window: Vec<_> = windows.iter().map(|rows| batch(*rows, 0)).collect();
            train::gradients(&model, None, &window, &vars, train::Aim::default(), &mut || 0).unwrap()
        };
        let (whole, at_once) = gradients(&[&rows]);
        let (sum, one_by_one) = gradients(&rows.chunks(1).collect::<Vec<_>>());
        assert_eq!(whole.tokens, sum.tokens);
        within(&format!("{name} 4x1 = 1x4 loss, relative"), (whole.mean() / sum.mean() - 1.0).abs(), 1e-6);
        let pairs = at_once.0.iter().zip(&one_by_one.0).map(|(a, b)| (a.as_ref().unwrap(), b.as_ref().unwrap()));
        let scale = pairs.clone().map(|(a, _)| largest(a)).fold(0.0, f64::max);
        let most = pairs.map(|(a, b)| apart(a, b)).fold(0.0, f64::max);
        // Sums of 33 rows and of 4 x 6..11 rows are taken in another order. A mean of four means would be off by a tenth.
        within(&format!("{name} 4x1 = 1x4 gradients, relative to the largest"), most / scale, 5e-6);
        let means: f64 = rows.chunks(1).map(|row| gradients(&[row]).0.mean()).sum::<f64>() / 4.0;
        assert!((means - whole.mean()).abs() > 1e-3, "{name}: rows with as many learned tokens prove nothing");
    }
}

/// Wide enough that products, norms, attention and the optimizer are shared out to threads.
static WIDE: LazyLock<Model> = LazyLock::new(|| {
    let config = serde_json::json!({
        "model_type": "llama", "hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "intermediate_size": 320, "max_position_embeddings": 128, "vocab_size": 1500, "tie_word_embeddings": true,
    });
    model::random("wide", config, &Random::seeded(5), &Device::Cpu).unwrap()
});

fn wide_rows(count: usize) -> Vec<Example> {
    let mut random = Random::seeded(6);
    let row = |_| Example::new((0..97).map(|_| random.below(1500) as u32).collect(), 3);
    (0..count).map(row).collect()
}

fn recipe(seed: u64) -> Recipe {
    Recipe {
        epochs: 1.0,
        steps: Some(4),
        batch: 4,
        accum: 2,
        lr: 3e-3,
        schedule: lantern::optim::Shape::Cosine,
        warmup: 0.0,
        weight_decay: 0.01,
        clip: 1.0,
        seed,
        eval_every: Some(2),
        ..Recipe::default()
    }
}

/// Losses, gradient norms and validation losses to the bit, with `threads` threads; `dropout` trains a LoRA, none trains all weights.
fn trail(threads: usize, seed: u64, dropout: Option<f64>) -> Vec<u64> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(64 << 20).build().unwrap();
    pool.install(|| {
        let mut model = WIDE.clone();
        let mut data = in_order(wide_rows(24), 1);
        data.val = data.train.split_off(20);
        let adapter = dropout.map(|dropout| {
            let lora = Lora { r: 8, alpha: 16.0, targets: Targets::list(["all-linear"]), dropout, ..Lora::default() };
            Adapter::new(lora, &model, &Random::seeded(seed)).unwrap()
        });
        let vars = adapter.as_ref().map_or_else(|| model.track().unwrap(), |adapter| adapter.vars().to_vec());
        let deltas: Option<&Deltas> = adapter.as_ref().map(Adapter::deltas);
        let mut run = Run::begin(recipe(seed), vars, &data).unwrap();
        let mut bits = Vec::new();
        while !run.done() {
            let step = run.step(&model, deltas, &data).unwrap();
            bits.extend([step.loss.to_bits(), step.grad_norm.to_bits()]);
            if run.validation_due(&data) {
                bits.push(run.validate(&model, deltas, &data, &Stop::new()).unwrap().loss.to_bits());
            }
        }
        assert_eq!(bits.len(), 4 * 2 + 2);
        bits
    })
}

#[test]
fn the_same_seed_gives_the_same_bits_on_any_number_of_threads() {
    for dropout in [None, Some(0.0), Some(0.25)] {
        let first = trail(1, 9, dropout);
        for threads in [2, 3, 4] {
            assert_eq!(trail(threads, 9, dropout), first, "{threads} threads, dropout {dropout:?}");
        }
        assert_ne!(trail(2, 10, dropout), first, "another seed is another run");
    }
    assert_ne!(trail(2, 9, Some(0.0)), trail(2, 9, Some(0.25)), "dropout drops");
}

#[test]
fn a_fresh_adapter_changes_nothing() {
    let lora = Lora { r: 4, alpha: 8.0, targets: Targets::list(["q_proj", "down_proj"]), dropout: 0.5, ..Lora::default() };
    let adapter = Adapter::new(lora, &WIDE, &Random::seeded(3)).unwrap();
    let ids = Tensor::new(&[[5_u32, 900, 31, 7]], &Device::Cpu).unwrap();
    assert_eq!(apart(&logits(&WIDE, &ids, Some(adapter.deltas())), &logits(&WIDE, &ids, None)), 0.0);
}

//! 200 steps on the model that ships and a real text, beside transformers' own.

use candle_core::DType;
use lantern::data::Example;
use lantern::optim::Shape;
use lantern::train::Recipe;

use super::fixture::{in_order, json, root, session, within};

#[test]
fn two_hundred_steps_on_a_real_text_follow_transformers() {
    let notes = json("curve.json");
    let number = |key: &str| notes["settings"][key].as_f64().unwrap();
    let (steps, batch, width) = (number("steps") as usize, number("rows") as usize, number("width") as usize);
    let mut session = session(&root().join("models/spark"));
    let text = std::fs::read_to_string(root().join("tutorials/data/text/us-declaration.txt")).unwrap();
    let ids = session.base().unwrap().tokenizer.encode(&text).unwrap();
    let rows: Vec<&[u32]> = (0..ids.len() - width).step_by(width).map(|at| &ids[at..=at + width]).collect();
    let all: Vec<&[u32]> = (0..steps * batch).map(|i| rows[i % rows.len()]).collect();
    assert_eq!(rows.len(), number("rows_of_text") as usize);
    assert_eq!(checksum(all.iter().copied().flatten()), notes["ids"].as_u64().unwrap() as u32, "the same batches");

    session.set_data(in_order(all.iter().map(|ids| Example::new(ids.to_vec(), 1)).collect(), 7));
    let recipe = Recipe {
        steps: Some(steps),
        batch,
        lr: number("lr"),
        schedule: Shape::Cosine,
        warmup: number("warmup") / number("steps"),
        weight_decay: number("weight_decay"),
        seed: 7,
        ..Recipe::default()
    };
    session.begin_training(recipe, DType::F32).unwrap();
    let theirs: Vec<f64> = notes["losses"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    let mut most = (0.0_f64, 0);
    let mut both = "step,transformers,lantern\n".to_owned();
    for (n, theirs) in theirs.iter().enumerate() {
        let step = session.train_step().unwrap().unwrap();
        both += &format!("{},{theirs},{:.7}\n", n + 1, step.loss);
        let relative = (step.loss / theirs - 1.0).abs();
        if relative > most.0 {
            most = (relative, n + 1);
        }
    }
    session.finish_training().unwrap();
    // tutorials/data/curve.csv is such a file.
    if let Some(out) = std::env::var_os("LANTERN_CURVE") {
        std::fs::write(out, both).unwrap();
    }
    assert!(theirs[steps - 1] < 0.2 * theirs[0], "something was learned");
    within(&format!("losses of 200 steps, relative, worst at step {}", most.1), most.0, 1e-2);
}

/// CRC-32 of the ids as little-endian words (zlib's).
fn checksum<'a>(ids: impl Iterator<Item = &'a u32>) -> u32 {
    let bytes = ids.flat_map(|id| id.to_le_bytes());
    !bytes.fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

//! Strided perplexity as transformers' documentation computes it.

use lantern::eval::{Perplexity, Windows};
use lantern::nn::Pass;

use super::fixture::{MODELS, ids_of, json, load, within};

#[test]
fn strided_perplexity_equals_the_documentations() {
    for name in MODELS {
        let (model, golden) = (load(name), json(&format!("{name}/golden.json")));
        let rows = golden["perplexity"].as_array().unwrap();
        for expected in rows {
            let number = |key: &str| expected[key].as_f64().unwrap();
            let (window, stride) = (number("window") as usize, number("stride") as usize);
            let mut windows = Windows::new(ids_of(&golden["perplexity_ids"]), window, stride);
            let (count, mut taken, mut sum) = (windows.count(), 0, Perplexity::default());
            while windows.score(&model, &Pass::default(), &mut sum).unwrap().is_some() {
                taken += 1;
            }
            assert_eq!((taken, sum.tokens), (count, number("n") as usize), "{name}, stride {stride}");
            within(&format!("{name} stride {stride} nll"), (sum.nll / number("nll") - 1.0).abs(), 1e-5);
            within(&format!("{name} stride {stride} ppl"), (sum.ppl() / number("ppl") - 1.0).abs(), 1e-5);
        }
        assert_eq!(rows.len(), 3);
    }
}

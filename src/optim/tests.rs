//! Against the formulas in f64, and exact resume.

use candle_core::{Device, Tensor, Var};

use super::*;
use crate::random::Random;

fn parameters(r: &mut Random) -> Parameters {
    [("h.0.attn.c_attn.weight", 40_000), ("h.0.attn.c_attn.bias", 7), ("h.0.ln_1.weight", 5)]
        .into_iter()
        .map(|(name, n)| (name.to_owned(), Var::from_tensor(&tensor(r.normals(n, 0.3))).unwrap()))
        .collect()
}

fn tensor(values: Vec<f32>) -> Tensor {
    let n = values.len();
    Tensor::from_vec(values, n, &Device::Cpu).unwrap()
}

fn gradients(r: &mut Random) -> Gradients {
    Gradients([40_000, 7, 5].into_iter().map(|n| Some(tensor(r.normals(n, 0.3)))).collect())
}

fn values(x: &Tensor) -> Vec<f32> {
    x.to_vec1().unwrap()
}

#[test]
fn adamw_follows_its_formula() {
    let mut r = Random::seeded(1);
    let parameters = parameters(&mut r);
    let options = AdamWOptions { betas: (0.8, 0.95), eps: 0.02, weight_decay: 0.1 };
    let mut expected: Vec<Vec<f64>> = parameters.iter().map(|(_, v)| values(v).iter().map(|x| f64::from(*x)).collect()).collect();
    let mut state: Vec<Vec<(f64, f64)>> = expected.iter().map(|p| vec![(0.0, 0.0); p.len()]).collect();
    let mut optimizer = AdamW::new(parameters.clone(), options);
    for t in 1..=3 {
        let g = gradients(&mut r);
        let lr = 0.03 / t as f64;
        optimizer.step(&g, lr).unwrap();
        for (i, (p, s)) in expected.iter_mut().zip(&mut state).enumerate() {
            let decay = if i == 0 { 0.1 } else { 0.0 };
            for ((p, (m, v)), g) in p.iter_mut().zip(s).zip(values(g.0[i].as_ref().unwrap())) {
                let g = f64::from(g);
                *p *= 1.0 - lr * decay;
                *m = 0.8 * *m + 0.2 * g;
                *v = 0.95 * *v + 0.05 * g * g;
                *p -= lr * (*m / (1.0 - 0.8_f64.powi(t))) / ((*v / (1.0 - 0.95_f64.powi(t))).sqrt() + 0.02);
            }
        }
    }
    for ((_, var), expected) in parameters.iter().zip(&expected) {
        for (a, b) in values(var).iter().zip(expected) {
            assert!((f64::from(*a) - b).abs() < 2e-6, "{a} {b}");
        }
    }
}

#[test]
fn a_restored_optimizer_goes_on_to_the_bit() {
    let (mut r, mut r2) = (Random::seeded(2), Random::seeded(2));
    let (a, b) = (parameters(&mut r), parameters(&mut r2));
    let mut straight = AdamW::new(a.clone(), AdamWOptions::default());
    let mut first = AdamW::new(b.clone(), AdamWOptions::default());
    let steps: Vec<Gradients> = (0..4).map(|_| gradients(&mut r)).collect();
    steps.iter().for_each(|g| straight.step(g, 0.01).unwrap());
    steps[..2].iter().for_each(|g| first.step(g, 0.01).unwrap());
    let saved: std::collections::HashMap<String, Tensor> = first.state().unwrap().into_iter().collect();
    let mut second = AdamW::new(b.clone(), AdamWOptions::default());
    second.restore(first.steps(), |name| saved.get(name).cloned()).unwrap();
    steps[2..].iter().for_each(|g| second.step(g, 0.01).unwrap());
    for ((_, a), (_, b)) in a.iter().zip(&b) {
        assert_eq!(values(a), values(b));
    }
    assert!(second.restore(1, |_| None).is_err());
}

#[test]
fn sgd_keeps_momentum() {
    let var = Var::from_tensor(&tensor(vec![1.0])).unwrap();
    let mut sgd = Sgd::new(vec![("w".to_owned(), var.clone())], SgdOptions { momentum: 0.5, weight_decay: 0.0 });
    let g = Gradients(vec![Some(tensor(vec![2.0]))]);
    sgd.step(&g, 0.1).unwrap();
    sgd.step(&g, 0.1).unwrap();
    assert!((values(&var)[0] - (1.0 - 0.2 - 0.3)).abs() < 1e-6);
}

#[test]
fn clipping_scales_to_the_maximum() {
    let mut g = Gradients(vec![Some(tensor(vec![3.0; 9])), None, Some(tensor(vec![4.0; 9]))]);
    let before = norm(&norms(&g).unwrap());
    assert!((before - 15.0).abs() < 1e-9);
    clip(&mut g, before, 20.0).unwrap();
    assert_eq!(values(g.0[0].as_ref().unwrap())[0], 3.0);
    clip(&mut g, before, 1.5).unwrap();
    assert!((norm(&norms(&g).unwrap()) - 1.5).abs() < 1e-5);
}

#[test]
fn schedules_are_transformers() {
    let rate = |shape, t| Schedule { shape, lr: 2.0, warmup: 4, steps: 12 }.lr(t);
    for shape in [Shape::Constant, Shape::Linear, Shape::Cosine] {
        assert_eq!((rate(shape, 0), rate(shape, 1), rate(shape, 4)), (0.0, 0.5, 2.0));
    }
    assert_eq!((rate(Shape::Linear, 6), rate(Shape::Linear, 12), rate(Shape::Linear, 13)), (1.5, 0.0, 0.0));
    assert!((rate(Shape::Cosine, 6) - (1.0 + (std::f64::consts::PI / 4.0).cos())).abs() < 1e-12);
    assert_eq!(rate(Shape::Constant, 11), 2.0);
    assert_eq!((Schedule::warmup_steps(0.1, 11), Schedule::warmup_steps(3.0, 11)), (2, 3));
    assert_eq!(Schedule { shape: Shape::Linear, lr: 1.0, warmup: 0, steps: 4 }.lr(0), 1.0);
}

#[test]
fn biases_and_norms_do_not_decay() {
    for name in ["h.0.ln_1.weight", "x.bias", "model.norm.weight", "l.input_layernorm.weight"] {
        assert!(!decays(name), "{name}");
    }
    for name in ["h.0.attn.c_attn.weight", "layers.0.self_attn.q_proj.lora_A.weight", "wte.weight"] {
        assert!(decays(name), "{name}");
    }
}

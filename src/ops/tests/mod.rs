//! Every op against its plain candle twin, finite differences, other thread counts, and a row alone against the batch.

mod bits;
mod cases;
mod gradients;
mod graph;
mod instructions;
mod twins;

use candle_core::quantized::GgmlDType;
use candle_core::{Device, Tensor, Var};

use crate::random::Random;

/// The block formats with a kernel here.
pub const PACKED: &[GgmlDType] =
    &[GgmlDType::Q4_0, GgmlDType::Q4_1, GgmlDType::Q5_0, GgmlDType::Q5_1, GgmlDType::Q8_0, GgmlDType::Q4K, GgmlDType::Q5K, GgmlDType::Q6K];

/// N(0, std).
pub fn normal(random: &mut Random, shape: &[usize], std: f64) -> Tensor {
    Tensor::from_vec(random.normals(shape.iter().product(), std), shape, &Device::Cpu).unwrap()
}

pub fn values(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest difference, relative to the largest value.
pub fn distance(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.dims(), b.dims());
    let (a, b) = (values(a), values(b));
    let size = b.iter().fold(1e-3_f32, |m, x| m.max(x.abs()));
    let worst = a.iter().zip(&b).fold(0.0_f32, |m, (a, b)| if (a - b).is_nan() { f32::INFINITY } else { m.max((a - b).abs()) });
    f64::from(worst / size)
}

/// A function of some tensors; in tests every operand is a variable.
pub type Function<'a> = &'a dyn Fn(&[Tensor]) -> Tensor;

/// The output and the gradient of `sum(output * weights)` for each operand.
pub fn run(f: Function, operands: &[Tensor]) -> (Tensor, Vec<Tensor>) {
    let vars: Vec<Var> = operands.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let y = f(&tensors);
    let weights = normal(&mut Random::seeded(99), y.dims(), 1.0);
    let grads = (&y * weights).unwrap().sum_all().unwrap().backward().unwrap();
    let gradients = vars.iter().map(|v| grads.get(v).cloned().expect("every operand has a gradient")).collect();
    (y.detach(), gradients)
}

/// Output and all gradients agree.
pub fn assert_twins(name: &str, operands: &[Tensor], fused: Function, plain: Function) {
    let ((y, dy), (z, dz)) = (run(fused, operands), run(plain, operands));
    assert!(distance(&y, &z) < 2e-5, "{name}: output differs by {}", distance(&y, &z));
    for (i, (a, b)) in dy.iter().zip(&dz).enumerate() {
        assert!(distance(a, b) < 5e-5, "{name}: gradient {i} differs by {}", distance(a, b));
    }
}

/// The gradient agrees with central differences along random directions.
pub fn assert_slopes(name: &str, operands: &[Tensor], f: Function) {
    let (y, gradients) = run(f, operands);
    let weights = values(&normal(&mut Random::seeded(99), y.dims(), 1.0));
    let loss = |operands: &[Tensor]| -> f64 { values(&f(operands)).iter().zip(&weights).map(|(y, w)| f64::from(*y) * f64::from(*w)).sum() };
    let mut random = Random::seeded(7);
    for (i, gradient) in gradients.iter().enumerate() {
        let direction = normal(&mut random, operands[i].dims(), 1.0);
        let step = 2e-3;
        let moved = |sign: f64| {
            let mut operands = operands.to_vec();
            operands[i] = (&operands[i] + (&direction * (sign * step)).unwrap()).unwrap();
            loss(&operands)
        };
        let measured = (moved(1.0) - moved(-1.0)) / (2.0 * step);
        let products = values(gradient).into_iter().zip(values(&direction)).map(|(g, d)| f64::from(g) * f64::from(d));
        let (exact, size) = products.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p * p));
        assert!((measured - exact).abs() < 5e-3 * size.sqrt().max(1.0), "{name}, operand {i}: slope {measured}, gradient {exact}");
    }
}

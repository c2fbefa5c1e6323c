//! The same bits for any number of threads, and for a row alone or in a batch.

use std::sync::Arc;

use candle_core::quantized::QTensor;
use candle_core::{DType, Tensor};

use super::{cases, normal, run, values};
use crate::ops::{self, Layout};
use crate::quant::Packed;
use crate::random::Random;

type Layer<'a> = Box<dyn Fn(&Tensor) -> Tensor + 'a>;

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let cases = cases::all();
    let results = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        cases.iter().map(|case| pool.install(|| run(&*case.fused, &case.operands))).collect::<Vec<_>>()
    };
    let one = results(1);
    for threads in [2, 4] {
        for ((case, a), b) in cases.iter().zip(&one).zip(results(threads)) {
            assert_eq!(values(&a.0), values(&b.0), "{}, {threads} threads", case.name);
            for (a, b) in a.1.iter().zip(&b.1) {
                assert_eq!(values(a), values(b), "gradient of {}, {threads} threads", case.name);
            }
        }
    }
}

#[test]
fn a_row_alone_equals_the_row_in_a_batch() {
    let mut r = Random::seeded(9);
    let dense = normal(&mut r, &[330, 768], 0.3);
    let half = dense.to_dtype(DType::BF16).unwrap();
    let conv = normal(&mut r, &[768, 330], 0.3);
    let packed: Vec<Arc<Packed>> = super::PACKED.iter().map(|f| Arc::new(QTensor::quantize(&dense, *f).unwrap().into())).collect();
    let bias = normal(&mut r, &[330], 0.3);
    let mut layers: Vec<Layer> = vec![
        Box::new(|x| ops::linear(x, &dense, Some(&bias), Layout::OutIn).unwrap()),
        Box::new(|x| ops::linear(x, &half, Some(&bias), Layout::OutIn).unwrap()),
        Box::new(|x| ops::linear(x, &conv, Some(&bias), Layout::InOut).unwrap()),
    ];
    for w in &packed {
        layers.push(Box::new(|x| ops::packed_linear(x, w, Some(&bias)).unwrap()));
    }
    for rows in [2, 3, 4, 7] {
        let x = normal(&mut r, &[rows, 768], 0.3);
        for (i, layer) in layers.iter().enumerate() {
            let together = layer(&x);
            for row in 0..rows {
                let alone = layer(&x.narrow(0, row, 1).unwrap());
                assert_eq!(values(&alone), values(&together.narrow(0, row, 1).unwrap()), "layer {i}, row {row} of {rows}");
            }
        }
    }
}

//! Fused against plain.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Tensor};

use super::{assert_twins, cases, distance, normal, run, values};
use crate::ops::{self, HeadWeight, Layout, plain};
use crate::quant::Packed;
use crate::random::Random;

#[test]
fn every_op_equals_its_plain_twin() {
    for case in cases::all() {
        assert_twins(&case.name, &case.operands, &*case.fused, &*case.plain);
    }
}

#[test]
fn half_weights_are_widened_exactly() {
    let mut r = Random::seeded(4);
    for dtype in [DType::F16, DType::BF16] {
        for layout in [Layout::OutIn, Layout::InOut] {
            for rows in [1, 3, 40] {
                let shape = if layout == Layout::OutIn { [300, 600] } else { [600, 300] };
                let w = normal(&mut r, &shape, 0.3).to_dtype(dtype).unwrap();
                let wide = w.to_dtype(DType::F32).unwrap();
                let x = [normal(&mut r, &[rows, 600], 0.3)];
                assert_twins(&format!("{dtype:?} {layout:?} {rows}"), &x, &|o| ops::linear(&o[0], &w, None, layout).unwrap(), &|o| {
                    plain::linear(&o[0], &wide, None, layout).unwrap()
                });
            }
        }
    }
}

#[test]
fn packed_weights_equal_dequantised_ones() {
    let mut r = Random::seeded(5);
    // Q3K has no kernel of ours.
    for format in super::PACKED.iter().copied().chain([GgmlDType::Q3K]) {
        let w = Arc::new(Packed::from(QTensor::quantize(&normal(&mut r, &[70, 768], 0.3), format).unwrap()));
        let wide = w.dequantize(&candle_core::Device::Cpu).unwrap();
        for rows in [1, 2, 5, 33] {
            let operands = [normal(&mut r, &[rows, 768], 0.3), normal(&mut r, &[70], 0.3)];
            assert_twins(&format!("{format:?} {rows}"), &operands, &|o| ops::packed_linear(&o[0], &w, Some(&o[1])).unwrap(), &|o| {
                plain::linear(&o[0], &wide, Some(&o[1]), Layout::OutIn).unwrap()
            });
            let targets: Vec<u32> = (0..rows).map(|_| r.below(70) as u32).collect();
            assert_twins(
                &format!("cross-entropy {format:?} {rows}"),
                &operands[..1],
                &|o| ops::cross_entropy(&o[0], &HeadWeight::Packed(w.clone()), &targets).unwrap(),
                &|o| ops::cross_entropy(&o[0], &HeadWeight::Dense(wide.clone()), &targets).unwrap(),
            );
            let losses = ops::token_losses(&operands[0], &HeadWeight::Packed(w.clone()), &targets).unwrap();
            let expected = plain::token_losses(&operands[0], &wide, &Tensor::new(&targets[..], wide.device()).unwrap(), 0.0).unwrap();
            assert!(distance(&Tensor::new(&losses[..], wide.device()).unwrap(), &expected) < 1e-5);
        }
        let ids = Tensor::new(&[[3_u32, 0], [69, 3]], wide.device()).unwrap();
        let rows = ops::packed_embedding(&w, &ids).unwrap();
        assert_eq!(values(&rows), values(&ops::embedding(&wide, &ids).unwrap()));
    }
}

#[test]
fn squares_of_rows_are_of_what_goes_into_an_output() {
    let mut r = Random::seeded(6);
    let w = normal(&mut r, &[300, 768], 0.3);
    let plain = |w: &Tensor| w.to_dtype(DType::F32).unwrap().sqr().unwrap().sum(1).unwrap();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let w = w.to_dtype(dtype).unwrap();
        assert!(distance(&ops::row_squares(&w, Layout::OutIn).unwrap(), &plain(&w)) < 1e-5);
        assert!(distance(&ops::row_squares(&w.t().unwrap(), Layout::InOut).unwrap(), &plain(&w)) < 1e-5);
    }
    for format in super::PACKED.iter().copied().chain([GgmlDType::Q3K]) {
        let packed = Arc::new(Packed::from(QTensor::quantize(&w, format).unwrap()));
        let wide = packed.dequantize(w.device()).unwrap();
        assert!(distance(&ops::packed_row_squares(&packed).unwrap(), &plain(&wide)) < 1e-5, "{format:?}");
        assert!(distance(&ops::packed_column_squares(&packed).unwrap(), &plain(&wide.t().unwrap())) < 1e-5, "{format:?}");
        let a = normal(&mut r, &[3, 300], 0.3);
        assert!(distance(&ops::packed_rows_mixed(&a, &packed).unwrap(), &a.matmul(&wide).unwrap()) < 1e-5, "{format:?}");
    }
}

/// The reference's bits, wherever a tile begins and ends.
#[test]
fn blocks_widen_to_the_bits_that_candle_gives() {
    let w = normal(&mut Random::seeded(8), &[6, 768], 0.3);
    for format in super::PACKED {
        let packed = QTensor::quantize(&w, *format).unwrap();
        let (bytes, all) = (packed.data().unwrap(), values(&packed.dequantize(w.device()).unwrap()));
        for range in [0..4608, 0..16, 16..32, 48..1000, 255..257, 250..1300, 4000..4608] {
            let mut out = vec![0.0; range.len()];
            crate::ops::blocks::dequantise(&bytes, *format, range.start, &mut out);
            assert_eq!(out, all[range.clone()], "{format:?} {range:?}");
        }
    }
}

#[test]
fn other_float_types_come_back_as_they_were() {
    let mut r = Random::seeded(6);
    let x = normal(&mut r, &[3, 16], 0.3).to_dtype(DType::BF16).unwrap();
    let w = normal(&mut r, &[8, 16], 0.3);
    for y in [ops::linear(&x, &w, None, Layout::OutIn), ops::gelu_new(&x), ops::swiglu(&x, &x), ops::rms_norm(&x, &w.get(0).unwrap(), 0.1)]
    {
        assert_eq!(y.unwrap().dtype(), DType::BF16);
    }
    let (_, grads) = run(&|o| ops::gelu_new(&o[0]).unwrap().to_dtype(DType::F32).unwrap(), &[x]);
    assert_eq!(grads[0].dtype(), DType::BF16);
}

#[test]
fn attention_probabilities_are_what_attention_uses() {
    let mut r = Random::seeded(7);
    let (q, k, v) = (normal(&mut r, &[2, 4, 5, 8], 1.0), normal(&mut r, &[2, 2, 9, 8], 1.0), normal(&mut r, &[2, 2, 9, 8], 1.0));
    let p = ops::attention_probabilities(&q, &k, 0.4, None).unwrap();
    let v4 =
        Tensor::cat(&[v.narrow(1, 0, 1).unwrap(), v.narrow(1, 0, 1).unwrap(), v.narrow(1, 1, 1).unwrap(), v.narrow(1, 1, 1).unwrap()], 1)
            .unwrap();
    assert!(distance(&ops::attention(&q, &k, &v, 0.4, None).unwrap().contiguous().unwrap(), &p.matmul(&v4).unwrap()) < 1e-5);
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let mut r = Random::seeded(8);
    let (x, w) = (normal(&mut r, &[2, 8], 0.3), normal(&mut r, &[4, 9], 0.3));
    assert!(ops::linear(&x, &w, None, Layout::OutIn).is_err());
    assert!(ops::low_rank(&x, &w, &w, 1.0).is_err());
    assert!(ops::rms_norm(&x, &w.get(0).unwrap(), 0.1).is_err());
    assert!(ops::swiglu(&x, &w).is_err());
    assert!(ops::dropout(&x, 1.0, 1).is_err());
    assert!(ops::cross_entropy(&x, &HeadWeight::Dense(normal(&mut r, &[4, 8], 0.3)), &[0, 4]).is_err());
}

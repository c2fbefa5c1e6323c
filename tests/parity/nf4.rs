//! NF4 and INT8, byte for byte as bitsandbytes packs and reads them.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use lantern::nn::Weight;
use lantern::ops::packed_linear;
use lantern::quant::{CODE, Int8, Nested, Nf4, Packed, Scales};
use lantern::random::Random;

use super::fixture::{Tensors, tensors, values};

const CASES: &[(&str, &[usize])] =
    &[("ties", &[64]), ("zeros", &[64]), ("odd", &[64, 32]), ("huge", &[64]), ("tiny", &[64]), ("rows", &[64, 32, 128, 4096])];

fn bytes(golden: &Tensors, name: &str) -> Vec<u8> {
    golden.get(name).flatten_all().unwrap().to_vec1().unwrap()
}

/// The same bits; NaN is no number here.
#[track_caller]
fn same(ours: &[f32], theirs: &[f32], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!(a.to_bits() == b.to_bits() || a == b, "{what}, number {i}: {a:e} is not {b:e}");
    }
}

fn single(nf4: &Nf4) -> &[f32] {
    match &nf4.scales {
        Scales::Single(scales) => scales,
        Scales::Nested(_) => panic!("not nested"),
    }
}

#[test]
fn nf4_is_packed_and_read_to_the_same_bytes() {
    let golden = tensors("nf4.safetensors");
    same(&CODE, &values(golden.get("code")), "code");
    for (case, blocks) in CASES {
        let numbers = values(golden.get(&format!("{case}.values")));
        for block in *blocks {
            let of = |key: &str| format!("{case}.{block}.{key}");
            let ours = Nf4::pack(&numbers, (1, numbers.len()), *block, false);
            assert_eq!(ours.codes, bytes(&golden, &of("codes")), "{case} {block}");
            same(single(&ours), &values(golden.get(&of("absmax"))), &of("absmax"));
            same(&ours.values(), &values(golden.get(&of("read"))), &of("read"));
        }
    }
}

/// The offset is torch's here: its last bit is the machine's.
#[test]
fn scales_are_packed_and_read_to_the_same_bytes() {
    let golden = tensors("nf4.safetensors");
    let scales = values(golden.get("nested.scales"));
    let offset = values(golden.get("nested.offset"))[0];
    let ours = Nested::around(&scales, offset);
    same(&ours.map[..], &values(golden.get("nested.map")), "map");
    assert_eq!(ours.codes, bytes(&golden, "nested.codes"));
    same(&ours.scales, &values(golden.get("nested.absmax")), "absmax");
    let read: Vec<f32> = (0..scales.len()).map(|i| ours.get(i)).collect();
    same(&read, &values(golden.get("nested.read")), "read");
    let own = Nested::pack(&scales).offset;
    assert!((own - offset).abs() <= offset * f32::EPSILON, "{own} is not {offset}");
}

#[test]
fn double_quantisation_is_the_same_all_the_way() {
    let golden = tensors("nf4.safetensors");
    let ours = Nf4::pack(&values(golden.get("double.values")), (4, 128), 64, true);
    assert_eq!(ours.codes, bytes(&golden, "double.codes"));
    let Scales::Nested(nested) = &ours.scales else { panic!("nested") };
    assert_eq!(nested.codes, bytes(&golden, "double.scales"));
    same(&nested.scales, &values(golden.get("double.absmax")), "absmax");
    same(&[nested.offset], &values(golden.get("double.offset")), "offset");
    same(&ours.values(), &values(golden.get("double.read")), "read");
}

#[test]
fn int8_is_packed_and_read_to_the_same_bytes() {
    let golden = tensors("nf4.safetensors");
    let ours = Int8::pack(&values(golden.get("int8.values")), (8, 37));
    let codes: Vec<u8> = ours.codes.iter().map(|code| *code as u8).collect();
    assert_eq!(codes, bytes(&golden, "int8.codes"));
    same(&ours.scales, &values(golden.get("int8.absmax")), "absmax");
    same(&ours.values(), &values(golden.get("int8.read")), "read");
}

/// Products read what [`Nf4::values`] says, whether blocks end with rows or not, for few rows and for many.
#[test]
fn products_read_the_weights_to_the_bit() {
    let golden = tensors("nf4.safetensors");
    let numbers = values(golden.get("rows.values"));
    for dims in [(3, 100), (4, 64), (2, 96), (5, 60)] {
        let numbers = &numbers[..dims.0 * dims.1];
        for packed in [
            Packed::Nf4(Nf4::pack(numbers, dims, 64, false)),
            Packed::Nf4(Nf4::pack(numbers, dims, 32, true)),
            Packed::Int8(Int8::pack(numbers, dims)),
        ] {
            let packed = Arc::new(packed);
            let rows = values(&Weight::Packed(packed.clone()).rows(&Device::Cpu).unwrap());
            let unit = Tensor::eye(dims.1, DType::F32, &Device::Cpu).unwrap();
            let many = packed_linear(&unit, &packed, None).unwrap();
            same(&values(&many.t().unwrap().contiguous().unwrap()), &rows, packed.format());
            for first in 0..dims.1 / 4 {
                let few = packed_linear(&unit.narrow(0, 4 * first, 4).unwrap(), &packed, None).unwrap();
                assert_eq!(values(&few), values(&many.narrow(0, 4 * first, 4).unwrap()), "{} {dims:?}", packed.format());
            }
            let ids = Tensor::new(&[1_u32, 0], &Device::Cpu).unwrap();
            let embedded = Weight::Packed(packed.clone()).embed(&ids).unwrap();
            same(&values(&embedded), &[&rows[dims.1..2 * dims.1], &rows[..dims.1]].concat(), packed.format());
        }
    }
}

fn rows(rows: usize, columns: usize, seed: u64) -> Vec<f32> {
    let mut values = Random::seeded(seed).normals(rows * columns, 0.3);
    // Rows of other sizes, one of zeros.
    values[..columns].fill(0.0);
    values[columns..2 * columns].iter_mut().for_each(|x| *x *= 1e-6);
    values[2 * columns..3 * columns].iter_mut().for_each(|x| *x *= 1e6);
    values
}

/// Half of the widest gap between two codes.
const NF4_STEP: f32 = (1.0 - 0.696_192_8) / 2.0;

#[test]
fn nf4_moves_no_number_further_than_half_a_gap_and_keeps_its_own() {
    for (dims, block) in [((5, 64), 64), ((7, 33), 32), ((4, 100), 128), ((3, 7), 4096)] {
        let values = rows(dims.0, dims.1, 3);
        let packed = Nf4::pack(&values, dims, block, false);
        let read = packed.values();
        for (before, after) in values.chunks(block).zip(read.chunks(block)) {
            let largest = before.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            assert!(before.iter().zip(after).all(|(a, b)| (a - b).abs() <= NF4_STEP * largest * 1.000_001));
            assert!(before.iter().zip(after).all(|(a, b)| a * b >= 0.0), "no number changes its sign");
        }
        // What is at an end of the code stays: the scale is the same, and so are the codes.
        let again = Nf4::pack(&read, dims, block, false);
        assert_eq!((again.codes, again.scales), (packed.codes, packed.scales), "{dims:?} {block}");
    }
}

#[test]
fn scales_quantised_twice_stay_near_what_they_were() {
    let (dims, block) = ((64, 96), 64);
    let values = Random::seeded(4).normals(dims.0 * dims.1, 0.3);
    let (once, twice) = (Nf4::pack(&values, dims, block, false), Nf4::pack(&values, dims, block, true));
    assert_eq!(once.codes, twice.codes);
    assert!(twice.bytes() * 100 < once.bytes() * 93, "{} {}", twice.bytes(), once.bytes());
    let Scales::Nested(nested) = &twice.scales else { panic!("nested") };
    // The map's widest step is 0.0141 of the furthest from the mean.
    for i in 0..96 {
        let (a, b) = (once.scales.get(i), nested.get(i));
        assert!((a - b).abs() <= 0.0071 * nested.scales[0], "{i}: {a} {b}");
    }
}

#[test]
fn int8_moves_no_number_further_than_half_a_step_and_keeps_its_own() {
    let dims = (6, 50);
    let mut values = rows(dims.0, dims.1, 5);
    // Beyond f16 on both sides, and not a number's inverse.
    values[3 * 50..4 * 50].iter_mut().for_each(|x| *x *= 1e30);
    values[4 * 50..5 * 50].iter_mut().for_each(|x| *x *= 1e-44);
    let packed = Int8::pack(&values, dims);
    let read = packed.values();
    for (row, (before, after)) in values.chunks(50).zip(read.chunks(50)).enumerate() {
        let largest = before.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let step = largest * (0.5 / 127.0 + 2.0_f32.powi(-11)) * 1.001;
        let vanished = largest < 1e-36 && after.iter().all(|x| *x == 0.0);
        assert!(vanished || before.iter().zip(after).all(|(a, b)| (a - b).abs() <= step), "row {row}");
        assert!(after.iter().all(|x| x.is_finite()));
    }
    let again = Int8::pack(&read, dims);
    assert_eq!(again.codes, packed.codes);
}

//! ggml's block formats, byte for byte as the gguf package packs and reads them.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Tensor};
use lantern::nn::Weight;
use lantern::ops::packed_linear;
use lantern::quant::Packed;

use super::fixture::{Tensors, tensors, values};

const FORMATS: &[(&str, GgmlDType)] = &[
    ("q4_0", GgmlDType::Q4_0),
    ("q4_1", GgmlDType::Q4_1),
    ("q5_0", GgmlDType::Q5_0),
    ("q5_1", GgmlDType::Q5_1),
    ("q8_0", GgmlDType::Q8_0),
    ("q4_k", GgmlDType::Q4K),
    ("q5_k", GgmlDType::Q5K),
    ("q6_k", GgmlDType::Q6K),
];

fn bytes(golden: &Tensors, name: &str) -> Vec<u8> {
    golden.get(&format!("{name}.bytes")).flatten_all().unwrap().to_vec1().unwrap()
}

fn packed(golden: &Tensors, name: &str, format: GgmlDType) -> Arc<Packed> {
    let storage = QStorage::from_data(Cow::Owned(bytes(golden, name)), &Device::Cpu, format).unwrap();
    Arc::new(QTensor::new(storage, golden.get(&format!("{name}.values")).dims()).unwrap().into())
}

/// The same numbers; 0 and -0 are one.
#[track_caller]
fn same(ours: &Tensor, expected: &Tensor, what: &str) {
    for (i, (a, b)) in values(ours).iter().zip(values(expected)).enumerate() {
        assert!(*a == b, "{what}, number {i}: {a} is not {b}");
    }
}

#[test]
fn every_format_is_read_as_the_gguf_package_reads_it() {
    let golden = tensors("blocks.safetensors");
    for (name, format) in FORMATS {
        let (packed, expected) = (packed(&golden, name, *format), golden.get(&format!("{name}.values")));
        same(&Weight::Packed(packed.clone()).rows(&Device::Cpu).unwrap(), expected, name);
        // A product with ones on the diagonal gives the weights as our kernels read them: many rows at once, and a few.
        let unit = Tensor::eye(256, DType::F32, &Device::Cpu).unwrap();
        let many = packed_linear(&unit, &packed, None).unwrap();
        same(&many.t().unwrap().contiguous().unwrap(), expected, name);
        for first in (0..256).step_by(8) {
            let few = packed_linear(&unit.narrow(0, first, 8).unwrap(), &packed, None).unwrap();
            assert_eq!(values(&few), values(&many.narrow(0, first, 8).unwrap()), "{name} from {first}");
        }
    }
}

#[test]
fn what_the_gguf_package_can_pack_is_packed_to_the_same_bytes() {
    let golden = tensors("blocks.safetensors");
    for (name, format) in &FORMATS[..5] {
        let ours = QTensor::quantize(golden.get("values"), *format).unwrap();
        let (ours, theirs) = (ours.data().unwrap(), bytes(&golden, name));
        let wrong = ours.iter().zip(&theirs).filter(|(a, b)| a != b).count();
        assert_eq!(wrong, 0, "{name}: {wrong} of {} bytes differ", theirs.len());
    }
}

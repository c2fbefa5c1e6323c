//! How the hub stores bitsandbytes' formats: a matrix and what reads it, as tensors beside each other.
//!
//! The names are those of `bitsandbytes.functional.QuantState.as_dict(packed=True)` and `nn.Linear8bitLt._save_to_state_dict`; transformers finds the
//! way in `quantization_config` of config.json. The block size stands beside each matrix only.

use std::borrow::Cow;

use candle_core::Tensor;
use candle_core::safetensors::MmapedSafetensors;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, View};
use serde_json::{Value, json};

use crate::quant::{BLOCKS, CODE, Int8, Nested, Nf4, Packed, Scales};
use crate::words::formats;

const STATE: &str = "quant_state.bitsandbytes__";

/// One tensor as a file has it: candle knows no signed bytes.
pub enum Piece {
    Tensor(Tensor),
    Bytes { dtype: Dtype, shape: Vec<usize>, bytes: Vec<u8> },
}

impl View for &Piece {
    fn dtype(&self) -> Dtype {
        match self {
            Piece::Tensor(tensor) => View::dtype(&tensor),
            Piece::Bytes { dtype, .. } => *dtype,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Piece::Tensor(tensor) => tensor.dims(),
            Piece::Bytes { shape, .. } => shape,
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self {
            Piece::Tensor(tensor) => Cow::Owned(View::data(&tensor).into_owned()),
            Piece::Bytes { bytes, .. } => Cow::Borrowed(bytes),
        }
    }

    fn data_len(&self) -> usize {
        match self {
            Piece::Tensor(tensor) => tensor.elem_count() * tensor.dtype().size_in_bytes(),
            Piece::Bytes { bytes, .. } => bytes.len(),
        }
    }
}

impl Piece {
    /// Bytes in a file.
    pub fn size(&self) -> u64 {
        View::data_len(&self) as u64
    }

    fn floats(shape: usize, values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Self::Bytes { dtype: Dtype::F32, shape: vec![shape], bytes }
    }

    fn bytes(shape: Vec<usize>, bytes: Vec<u8>) -> Self {
        Self::Bytes { dtype: Dtype::U8, shape, bytes }
    }
}

/// The tensors of the matrix called `name` (`….weight`); `None` for a format that bitsandbytes has not.
pub fn pieces(name: &str, packed: &Packed) -> Option<Vec<(String, Piece)>> {
    match packed {
        Packed::Blocks(_) => None,
        Packed::Nf4(nf4) => Some(nf4_pieces(name, nf4)),
        Packed::Int8(Int8 { rows, columns, codes, scales }) => {
            let module = name.strip_suffix(".weight").unwrap_or(name);
            let bytes = codes.iter().map(|code| *code as u8).collect();
            Some(vec![
                (name.to_owned(), Piece::Bytes { dtype: Dtype::I8, shape: vec![*rows, *columns], bytes }),
                (format!("{module}.SCB"), Piece::floats(*rows, scales)),
                // 0: row by row.
                (format!("{module}.weight_format"), Piece::bytes(Vec::new(), vec![0])),
            ])
        }
    }
}

fn nf4_pieces(name: &str, nf4: &Nf4) -> Vec<(String, Piece)> {
    let Nf4 { rows, columns, block, codes, scales } = nf4;
    let of = |key: &str| format!("{name}.{key}");
    let mut state = format!(r#""quant_type": "nf4", "blocksize": {block}, "dtype": "float32", "shape": [{rows}, {columns}]"#);
    let mut all = vec![(name.to_owned(), Piece::bytes(vec![codes.len(), 1], codes.clone())), (of("quant_map"), Piece::floats(16, &CODE))];
    match scales {
        Scales::Single(scales) => all.push((of("absmax"), Piece::floats(scales.len(), scales))),
        Scales::Nested(Nested { codes, scales, offset, map }) => {
            let offset = f64::from(*offset);
            state.push_str(&format!(r#", "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": {offset:?}"#));
            all.push((of("absmax"), Piece::bytes(vec![codes.len()], codes.clone())));
            all.push((of("nested_absmax"), Piece::floats(scales.len(), scales)));
            all.push((of("nested_quant_map"), Piece::floats(256, &map[..])));
        }
    }
    let state = format!("{{{state}}}").into_bytes();
    all.push((of(&format!("{STATE}nf4")), Piece::bytes(vec![state.len()], state)));
    all
}

/// `quantization_config` for a model whose matrices but `skipped` are like `packed`; transformers' words and defaults.
pub fn config(packed: &Packed, skipped: &[String]) -> Value {
    let four = matches!(packed, Packed::Nf4(_));
    json!({
        "_load_in_4bit": four,
        "_load_in_8bit": !four,
        "bnb_4bit_compute_dtype": "float32",
        "bnb_4bit_quant_storage": "uint8",
        "bnb_4bit_quant_type": if four { "nf4" } else { "fp4" },
        "bnb_4bit_use_double_quant": packed.format() == "nf4+dq",
        "llm_int8_enable_fp32_cpu_offload": false,
        "llm_int8_has_fp16_weight": false,
        "llm_int8_skip_modules": skipped,
        "llm_int8_threshold": 6.0,
        "load_in_4bit": four,
        "load_in_8bit": !four,
        "quant_method": "bitsandbytes",
    })
}

/// Whether the folder of this config.json holds packed matrices.
///
/// # Errors
/// Another way of packing, by its name.
pub fn announced(config: &Value) -> Result<bool, String> {
    match &config["quantization_config"] {
        Value::Object(how) => match how.get("quant_method").and_then(Value::as_str) {
            Some("bitsandbytes") | None => Ok(true),
            Some(other) => Err(formats::QUANT_METHOD.with(&[("given", &other)])),
        },
        _ => Ok(false),
    }
}

/// The matrix called `name` where it is packed.
///
/// # Errors
/// What is missing or does not fit.
pub fn read(tensors: &MmapedSafetensors, name: &str) -> Result<Option<Packed>, String> {
    if tensors.get(&format!("{name}.{STATE}fp4")).is_ok() {
        return Err(formats::FP4.text().to_owned());
    }
    if let Ok(state) = tensors.get(&format!("{name}.{STATE}nf4")) {
        let state = serde_json::from_slice(state.data()).map_err(|error| error.to_string())?;
        return read_nf4(tensors, name, &state).map(|nf4| Some(Packed::Nf4(nf4)));
    }
    let module = name.strip_suffix(".weight").unwrap_or(name);
    if tensors.get(&format!("{module}.SCB")).is_err() {
        return Ok(None);
    }
    let view = get(tensors, name)?;
    let (shape, bytes) = (view.shape(), view.data());
    let scales = floats(tensors, &format!("{module}.SCB"))?;
    let &[rows, columns] = shape else { return Err(wrong(name, format!("{shape:?}"), "[rows, columns]")) };
    expect(name, bytes.len(), rows * columns)?;
    expect(&format!("{module}.SCB"), scales.len(), rows)?;
    if let Ok(format) = tensors.get(&format!("{module}.weight_format"))
        && format.data().iter().any(|byte| *byte != 0)
    {
        return Err(wrong(&format!("{module}.weight_format"), format!("{:?}", format.data()), "0"));
    }
    Ok(Some(Packed::Int8(Int8 { rows, columns, codes: bytes.iter().map(|byte| *byte as i8).collect(), scales })))
}

fn read_nf4(tensors: &MmapedSafetensors, name: &str, state: &Value) -> Result<Nf4, String> {
    let number = |value: &Value| value.as_u64().map(|n| n as usize);
    let given = |key: &str, expected: &str| wrong(&format!("{name}.{STATE}nf4: {key}"), state[key].to_string(), expected);
    let block = number(&state["blocksize"]).filter(|block| BLOCKS.contains(block)).ok_or_else(|| given("blocksize", "32 … 4096"))?;
    let shape: Vec<usize> = state["shape"].as_array().into_iter().flatten().filter_map(number).collect();
    let [rows, columns] = shape[..] else { return Err(given("shape", "[rows, columns]")) };
    let key = |key: &str| format!("{name}.{key}");
    if floats(tensors, &key("quant_map"))? != CODE {
        return Err(wrong(&key("quant_map"), String::new(), "nf4"));
    }
    let (codes, absmax) = (get(tensors, name)?.data().to_vec(), get(tensors, &key("absmax"))?);
    expect(name, codes.len(), (rows * columns).div_ceil(2))?;
    let scales = match absmax.dtype() {
        Dtype::F32 => Scales::Single(floats(tensors, &key("absmax"))?),
        _ => {
            let map = floats(tensors, &key("nested_quant_map"))?;
            let map = <[f32; 256]>::try_from(map).map_err(|map| wrong(&key("nested_quant_map"), map.len().to_string(), "256"))?;
            let offset = state["nested_offset"].as_f64().ok_or_else(|| given("nested_offset", "1.0"))? as f32;
            if state["nested_blocksize"] != 256 {
                return Err(given("nested_blocksize", "256"));
            }
            let scales = floats(tensors, &key("nested_absmax"))?;
            expect(&key("nested_absmax"), scales.len(), absmax.data().len().div_ceil(256))?;
            Scales::Nested(Nested { codes: absmax.data().to_vec(), scales, offset, map: Box::new(map) })
        }
    };
    let count = match &scales {
        Scales::Single(scales) => scales.len(),
        Scales::Nested(nested) => nested.codes.len(),
    };
    expect(&key("absmax"), count, (rows * columns).div_ceil(block))?;
    Ok(Nf4 { rows, columns, block, codes, scales })
}

fn get<'a>(tensors: &'a MmapedSafetensors, name: &str) -> Result<TensorView<'a>, String> {
    tensors.get(name).map_err(|_| wrong(name, formats::MISSING.text().to_owned(), formats::A_TENSOR.text()))
}

fn floats(tensors: &MmapedSafetensors, name: &str) -> Result<Vec<f32>, String> {
    let view = get(tensors, name)?;
    if view.dtype() != Dtype::F32 {
        return Err(wrong(name, format!("{:?}", view.dtype()), "F32"));
    }
    Ok(view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

fn expect(name: &str, given: usize, expected: usize) -> Result<(), String> {
    if given == expected { Ok(()) } else { Err(wrong(name, given.to_string(), &expected.to_string())) }
}

fn wrong(name: &str, given: String, expected: &str) -> String {
    formats::NOT_AS_EXPECTED.with(&[("name", &name), ("given", &given), ("expected", &expected)])
}

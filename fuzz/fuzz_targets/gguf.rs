//! Any bytes as a GGUF file: an error, or a file whose tensors are what it says and which comes back
//! from the writer as it was.

#![no_main]

use lowbit::gguf::{Gguf, Model, Preset, Split, TensorInfo, Writer};
use lowbit::Matrix;
use lowbit_fuzz::all_finite;

/// Weights of one tensor that are worth the time of decoding them.
const SMALL: u64 = 1 << 14;
/// Padding to more than this is slow and shows nothing new.
const ALIGNMENT: u32 = 1 << 16;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = Gguf::parse(bytes) else {
        return;
    };
    for tensor in file.tensors() {
        decode(&file, tensor);
    }
    if let Ok(split) = Split::parse(&[bytes]) {
        assert_eq!(split.tensors().count(), file.tensors().len());
    }
    plan(&file);
    if file.alignment() <= ALIGNMENT {
        write_again(&file);
    }
});

fn decode(file: &Gguf, tensor: &TensorInfo) {
    assert_eq!(file.data(tensor).len() as u64, tensor.byte_len());
    let count: u64 = tensor.dims().iter().product();
    let small = count <= SMALL;
    if small {
        let floats = tensor.to_f32();
        assert!(floats.is_err() || floats.is_ok_and(|f| f.len() as u64 == count));
        let _ = file.linear(tensor.name());
    }
    let Ok(matrix) = file.matrix(tensor.name()) else {
        return;
    };
    let (n, k) = (matrix.n(), matrix.k());
    assert_eq!((n * k) as u64, count);
    if !small {
        return;
    }
    let weights = matrix.dequantize();
    assert_eq!(weights.len(), n * k);
    assert!(all_finite(&weights));
    assert_eq!(matrix.matmul(&vec![1.0; k]).unwrap().len(), n);
    // A row alone is what it is among the others.
    let row = &matrix.bytes()[(n - 1) * (matrix.bytes().len() / n)..];
    let row = Matrix::from_bytes(matrix.format(), 1, k, row).unwrap();
    assert_eq!(row.dequantize(), weights[(n - 1) * k..]);
}

/// Types for a model of this shape, by each preset.
fn plan(file: &Gguf) {
    let tensors = file.tensors().iter().map(|t| (t.name(), t.dims()));
    let tensors: Vec<_> = tensors.collect();
    for (i, name) in ["q4_k_m", "iq2_xxs", "q2_k"].iter().enumerate() {
        let preset = Preset::from_name(name).unwrap();
        let model = Model::of(file, i == 1);
        if let Ok(types) = preset.types(&model, &tensors) {
            assert_eq!(types.len(), tensors.len());
        }
    }
}

/// A name that llama.cpp could not hold is read and not written.
fn write_again(file: &Gguf) {
    let again = |file: &Gguf| {
        let mut writer = Writer::new();
        for (key, value) in file.metadata() {
            writer.metadata(key, value.clone())?;
        }
        for t in file.tensors() {
            writer.tensor(t.name(), t.dims(), t.type_id(), file.data(t))?;
        }
        writer.to_bytes()
    };
    let Ok(bytes) = again(file) else { return };
    let second = Gguf::parse(&bytes).unwrap();
    // As text, in which NaN is equal to itself.
    let text = |file: &Gguf| format!("{:?}", file.metadata());
    assert_eq!(text(&second), text(file));
    assert_eq!(second.tensors(), file.tensors());
    assert_eq!(again(&second).unwrap(), bytes);
}

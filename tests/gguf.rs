//! GGUF files: what the reference writer wrote is read completely and written again byte for byte; what lowbit writes,
//! it reads. `gguf/hostile.rs` has the malformed files.

mod common;
#[path = "gguf/factors.rs"]
mod factors;
#[path = "gguf/header.rs"]
mod header;
#[path = "gguf/hostile.rs"]
mod hostile;
#[path = "gguf/layers.rs"]
mod layers;
#[path = "gguf/lenient.rs"]
mod lenient;
#[path = "gguf/mutated.rs"]
mod mutated;
#[path = "gguf/older_q2_0.rs"]
mod older_q2_0;
#[path = "gguf/presets.rs"]
mod presets;
#[path = "gguf/split.rs"]
mod split;
#[path = "gguf/written.rs"]
mod written;

use lowbit::gguf::{Array, Gguf, TENSOR_TYPES, TensorType, Value, Writer};
use lowbit::{Dense, Format, Matrix};

/// Made by gguf-py 0.19.0, with a key of every type.
pub const TINY: &[u8] = include_bytes!("golden/tiny.gguf");
/// Four rows of 1024 weights, which the tensors of `TINY` were made from.
const INPUT: &[u8] = include_bytes!("golden/input.f32");

/// The file written again from everything that a reader sees of it.
pub fn rewritten(file: &Gguf) -> lowbit::Result<Vec<u8>> {
    let mut writer = Writer::new();
    for key in file.metadata() {
        writer.metadata(key.name(), key.value())?;
    }
    for t in file.tensors() {
        writer.tensor(t.name(), t.dims(), t.type_id(), t.data())?;
    }
    writer.to_bytes()
}

/// All keys with their values.
pub fn metadata<'f>(file: &'f Gguf) -> Vec<(&'f str, Value)> {
    let keys = file.metadata().iter();
    keys.map(|key| (key.name(), key.value())).collect()
}

fn input_row(row: usize, columns: usize) -> impl Iterator<Item = f32> {
    let row = &INPUT[row * 4096..][..columns * 4];
    row.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()))
}

#[test]
fn every_value_of_the_reference_file() {
    let file = Gguf::parse(TINY).unwrap();
    assert_eq!((file.version(), file.alignment()), (3, 32));
    let expected: Vec<(&str, Value)> = vec![
        ("general.architecture", "llama".into()),
        ("t.u8", 200u8.into()),
        ("t.i8", (-5i8).into()),
        ("t.u16", 65535u16.into()),
        ("t.i16", (-2i16).into()),
        ("t.u32", 4_000_000_000u32.into()),
        ("t.i32", (-7i32).into()),
        ("t.f32", 0.15625f32.into()),
        ("t.bool", true.into()),
        ("t.str", "h\u{e9}llo".into()),
        ("t.u64", ((1u64 << 63) + 5).into()),
        ("t.i64", (-(1i64 << 40)).into()),
        ("t.f64", 1e-300f64.into()),
        ("t.arr_i32", vec![1i32, -2, 3].into()),
        (
            "t.arr_str",
            Value::Array(Array::String(["a", "", "ccc"].map(String::from).into())),
        ),
    ];
    assert_eq!(metadata(&file), expected);
    for (name, value) in &expected {
        let key = file.get(name).unwrap();
        assert_eq!((&key.value(), key.type_id()), (value, value.type_id()));
        assert_eq!((key.as_u64(), key.as_str()), (value.as_u64(), value.as_str()));
    }
    assert_eq!(file.get("t.u"), None);
    let items = file.get("t.arr_str").unwrap().strings().unwrap();
    assert_eq!(items.collect::<Vec<_>>(), [&b"a"[..], b"", b"ccc"]);
    assert!(file.get("t.arr_i32").unwrap().strings().is_none());
}

#[test]
fn every_tensor_of_the_reference_file() {
    let file = Gguf::parse(TINY).unwrap();
    let seen: Vec<_> = file
        .tensors()
        .iter()
        .map(|t| (t.name(), t.dims(), t.type_id(), t.offset(), t.byte_len()))
        .collect();
    assert_eq!(
        seen,
        [
            ("w_f32", &[33u64, 4][..], 0, 0, 528),
            ("w_f16", &[40, 4][..], 1, 544, 320),
            ("w_q8_0", &[1024, 4][..], 8, 864, 4352),
        ]
    );
    let f32s: Vec<u8> = (0..4)
        .flat_map(|row| input_row(row, 33).flat_map(f32::to_le_bytes))
        .collect();
    assert_eq!(file.tensor("w_f32").unwrap().data(), f32s);
    let f16s: Vec<u8> = (0..4)
        .flat_map(|row| input_row(row, 40).flat_map(|w| half::f16::from_f32(w).to_le_bytes()))
        .collect();
    assert_eq!(file.tensor("w_f16").unwrap().data(), f16s);

    let weights: Vec<f32> = (0..4).flat_map(|row| input_row(row, 1024)).collect();
    let matrix = file.matrix("w_q8_0").unwrap();
    assert_eq!(
        matrix,
        Matrix::quantize(Format::Q8_0, Dense::new(4, 1024, &weights).unwrap()).unwrap()
    );
    // Borrowed, not copied.
    assert!(TINY.as_ptr_range().contains(&matrix.bytes().as_ptr()));
}

#[test]
fn the_reference_file_is_written_again_to_the_byte() {
    let again = rewritten(&Gguf::parse(TINY).unwrap()).unwrap();
    assert!(again == TINY, "{} bytes, {} read", again.len(), TINY.len());
}

#[test]
fn types_are_as_large_as_the_formats_say() {
    let mut checked = 0;
    for format in Format::ALL {
        let Some(id) = format.gguf() else { continue };
        let kind = TensorType::from_id(id).unwrap();
        let sizes = (kind.block as usize, kind.bytes as usize);
        assert_eq!(
            sizes,
            (format.block_len().unwrap(), format.block_bytes().unwrap()),
            "{format} is {kind:?}"
        );
        assert_eq!(kind.name.to_lowercase(), format.name());
        checked += 1;
    }
    assert!(checked >= 9, "{checked}");
    assert!(TENSOR_TYPES.windows(2).all(|t| t[0].id < t[1].id));
    assert_eq!(TensorType::from_id(43), None);
    // Every id up to the last is or was a type.
    for id in 0..=42 {
        let known = TensorType::from_id(id).is_some();
        assert_ne!(known, TensorType::removed(id).is_some(), "{id}");
    }
}

#[test]
fn values_as_numbers_and_text() {
    assert_eq!(Value::from(7u8).as_u64(), Some(7));
    assert_eq!(Value::from(7i64).as_u64(), Some(7));
    assert_eq!(Value::from(-7i32).as_u64(), None);
    assert_eq!(Value::from(7f32).as_u64(), None);
    assert_eq!(Value::from("seven").as_str(), Some("seven"));
    assert_eq!(Value::from(7u8).as_str(), None);
}

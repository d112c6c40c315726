//! Files that lowbit writes.

use crate::{TINY, rewritten};
use lowbit::gguf::{Gguf, Writer};
use lowbit::{Dense, Error, Format, Matrix};

/// One matrix of each format that a GGUF file can hold, n = 3.
fn matrices() -> Vec<(String, Matrix<'static>)> {
    let formats = Format::ALL.iter().filter(|f| f.gguf().is_some());
    let matrices = formats.map(|&format| {
        let k = 512;
        let weights: Vec<f32> = (0..3 * k).map(|i| ((i * 37) % 101) as f32 - 50.0).collect();
        let matrix = Matrix::quantize(format, Dense::new(3, k, &weights).unwrap()).unwrap();
        (format!("blk.0.{format}.weight"), matrix)
    });
    matrices.collect()
}

/// A file of `matrices` with keys of several types and an alignment other than the default.
pub fn written(matrices: &[(String, Matrix<'static>)]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.metadata("general.architecture", "llama").unwrap();
    writer.metadata("general.alignment", 64u32).unwrap();
    writer.metadata("a.floats", vec![0.5f32, -1e30]).unwrap();
    writer.metadata("a.flags", vec![true, false]).unwrap();
    let tokens: Vec<String> = ["<s>", "", "\u{2581}the"].map(String::from).into();
    writer.metadata("a.tokens", tokens).unwrap();
    for (name, matrix) in matrices {
        writer.matrix(name, matrix).unwrap();
    }
    writer.tensor("norm", &[5], 0, vec![7; 20]).unwrap();
    writer.to_bytes().unwrap()
}

pub fn sample() -> Vec<u8> {
    written(&matrices()[..3])
}

#[test]
fn every_format_comes_back() {
    let matrices = matrices();
    assert!(matrices.len() >= 9, "{}", matrices.len());
    let bytes = written(&matrices);
    let file = Gguf::parse(&bytes).unwrap();
    assert_eq!(file.alignment(), 64);
    for (tensor, (name, matrix)) in file.tensors().iter().zip(&matrices) {
        assert_eq!(tensor.name(), name);
        assert_eq!(tensor.format(), Some(matrix.format()));
        assert_eq!(tensor.dims(), [512, 3]);
        assert_eq!(tensor.offset() % 64, 0);
        assert_eq!(&file.matrix(name).unwrap(), matrix);
    }
    assert_eq!(file.tensors().len(), matrices.len() + 1);
    assert!(rewritten(&file).unwrap() == bytes);
}

/// For `tests/gguf_reference.py`, which reads it with the reference reader. Version 0.19.0 of that does not know Q2_0
/// (42) and assumes too large a size for Q8_1 (9).
#[test]
fn a_file_for_the_reference_reader() {
    let mut matrices = matrices();
    matrices.retain(|(_, m)| !matches!(m.format().gguf(), Some(9 | 42)));
    let bytes = written(&matrices);
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/written.gguf");
    std::fs::write(path, &bytes).unwrap();
    let file = Gguf::parse(&bytes).unwrap();
    assert_eq!(file.tensors().len(), matrices.len() + 1);
}

#[test]
fn rows_are_all_dimensions_but_the_first() {
    let data = vec![0x11; 34 * 2 * 3 * 5 * 2];
    let mut writer = Writer::new();
    writer.tensor("one", &[64], 8, &data[..68]).unwrap();
    writer.tensor("three", &[64, 3, 5], 8, &data[..1020]).unwrap();
    writer.tensor("four", &[64, 3, 5, 2], 8, &data[..]).unwrap();
    writer.tensor("none", &[], 0, &data[..4]).unwrap();
    let bytes = writer.to_bytes().unwrap();
    let file = Gguf::parse(&bytes).unwrap();
    for (name, n) in [("one", 1), ("three", 15), ("four", 30)] {
        let matrix = file.matrix(name).unwrap();
        assert_eq!((matrix.n(), matrix.k()), (n, 64), "{name}");
        assert_eq!(matrix.bytes().len(), n * 68);
    }
    assert!(file.tensor("none").unwrap().dims().is_empty());
}

#[test]
fn a_file_may_be_empty_or_of_version_2() {
    let mut bytes = Writer::new().to_bytes().unwrap();
    assert_eq!(bytes.len(), 32); // a header of 24 bytes, padded
    assert_eq!(Gguf::parse(&bytes).unwrap().tensors().len(), 0);
    bytes.truncate(24);
    assert_eq!(Gguf::parse(&bytes).unwrap().metadata().len(), 0);

    let mut second = TINY.to_vec();
    second[4] = 2;
    let file = Gguf::parse(&second).unwrap();
    assert_eq!(file.version(), 2);
    let first = Gguf::parse(TINY).unwrap();
    assert_eq!(file.metadata(), first.metadata());
    assert_eq!(file.tensors(), first.tensors());
}

fn says<T>(result: lowbit::Result<T>, parts: &[&str]) {
    let message = result.err().expect("was accepted").to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} without {part:?}");
    }
}

#[test]
fn what_no_reader_would_take_is_not_written() {
    let mut w = Writer::new();
    let zeros = || vec![0u8; 64];
    let long = "n".repeat(64);
    says(w.tensor(&long, &[16], 0, zeros()).map(drop), &["nnn", "63", "64 bytes"]);
    says(w.tensor("a\0b", &[16], 0, zeros()).map(drop), &["a\\0b", "byte 1 of 3"]);
    says(
        w.tensor("w", &[1; 5], 0, zeros()).map(drop),
        &["\"w\"", "at most 4", "got 5"],
    );
    says(
        w.tensor("w", &[17], 0, zeros()).map(drop),
        &["\"w\"", "68 bytes", "64 bytes"],
    );
    says(
        w.tensor("w", &[16, 0], 0, zeros()).map(drop),
        &["\"w\"", "[16, 0]", "0 bytes", "64 bytes"],
    );
    says(
        w.tensor("w", &[33], 8, zeros()).map(drop),
        &["\"w\"", "32 for Q8_0", "got 33"],
    );
    says(
        w.tensor("w", &[16], 5, zeros()).map(drop),
        &["\"w\"", "type id", "got 5"],
    );
    says(w.metadata("", 1u8).map(drop), &["\"\"", "1 byte", "0 bytes"]);
    says(w.metadata("k\0", 1u8).map(drop), &["k\\0", "byte 1 of 2"]);
    for (alignment, got) in [(0u32, "got 0"), (48, "got 48"), (1 << 31, "got 2147483648")] {
        let result = w.metadata("general.alignment", alignment).map(drop);
        says(result, &["general.alignment", "power of two", got]);
    }
    says(w.metadata("general.alignment", 32u64).map(drop), &["type 4", "type 10"]);

    let rows = Matrix::quantize(Format::INT4, Dense::new(1, 64, &[1.0; 64]).unwrap()).unwrap();
    says(w.matrix("w", &rows).map(drop), &["\"w\"", "int4"]);

    // None of the failures left anything in the writer.
    assert_eq!(w.to_bytes(), Writer::new().to_bytes());
    w.metadata("k", 1u8).unwrap();
    says(w.metadata("k", 2u8).map(drop), &["\"k\"", "number 0 and", "number 1"]);
    w.tensor("w", &[16], 0, zeros()).unwrap();
    says(
        w.tensor("w", &[16], 0, zeros()).map(drop),
        &["\"w\"", "number 0", "number 1"],
    );
}

#[test]
fn a_full_disk_is_an_error() {
    let mut room = [0u8; 4000];
    let file = Gguf::parse(TINY).unwrap();
    let mut writer = Writer::new();
    for t in file.tensors() {
        writer.tensor(t.name(), t.dims(), t.type_id(), t.data()).unwrap();
    }
    let result = writer.write(&mut room[..]);
    assert!(matches!(result, Err(Error::Io { .. })), "{result:?}");
}

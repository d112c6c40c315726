//! Factors next to weights, as llama.cpp applies them: the result of `X.weight` is multiplied by `X.scale`, one number
//! or one for each expert.

use crate::common::random_matrix;
use lowbit::gguf::{Gguf, Split, Writer, ranges};
use lowbit::{Error, Format, OutputScale};
use std::io::Cursor;

const F32: u32 = 0;

fn numbers(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// `one` with a factor, three `experts` with one each, `plain` without, `router` with a scale that is not a factor,
/// `kept` with a factor of 1; the factor of `far` comes last.
fn file() -> Writer<'static> {
    let bytes = |n: usize, seed| random_matrix(Format::NVFP4, n, 128, seed).bytes().to_vec();
    let nvfp4 = Format::NVFP4.gguf().unwrap();
    let mut writer = Writer::new();
    let mut add = |name: &str, dims: &[u64], id: u32, bytes: Vec<u8>| {
        writer.tensor(name, dims, id, bytes).unwrap();
    };
    add("far.weight", &[128, 2], nvfp4, bytes(2, 1));
    add("one.weight", &[128, 5], nvfp4, bytes(5, 2));
    add("one.scale", &[1], F32, numbers(&[0.3]));
    add("one.input_scale", &[1], F32, numbers(&[7.0]));
    add("experts.weight", &[128, 2, 3], nvfp4, bytes(6, 3));
    add("experts.scale", &[3], F32, numbers(&[0.1, 2.0, -3.7]));
    add("experts.bias", &[2, 3], F32, numbers(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    add("plain.weight", &[128, 2], nvfp4, bytes(2, 4));
    add("router.weight", &[4, 2], F32, numbers(&[1.0; 8]));
    add("router.scale", &[4], F32, numbers(&[2.0; 4]));
    add("kept.weight", &[128, 1], nvfp4, bytes(1, 5));
    add("kept.scale", &[1], F32, numbers(&[1.0]));
    add("float.weight", &[3], F32, numbers(&[1.0, -2.0, 4.0]));
    add("float.scale", &[1], F32, numbers(&[0.1]));
    add("two.weight", &[128, 1], nvfp4, bytes(1, 6));
    add("two.scale", &[2], F32, numbers(&[1.0; 2]));
    add("nan.weight", &[128, 1], nvfp4, bytes(1, 7));
    add("nan.scale", &[1], F32, numbers(&[f32::NAN]));
    add("far.scale", &[1], F32, numbers(&[5.0]));
    writer
}

/// The weights times their factors, each product rounded once.
fn expected(file: &Gguf, name: &str, factors: &[f32]) -> Vec<f32> {
    let packed = file.tensor(name).unwrap().packed().unwrap().dequantize();
    let each = packed.len() / factors.len();
    let of = |(i, w): (usize, &f32)| w * factors[i / each];
    packed.iter().enumerate().map(of).collect()
}

const CASES: [(&str, &[f32]); 5] = [
    ("one.weight", &[0.3]),
    ("experts.weight", &[0.1, 2.0, -3.7]),
    ("far.weight", &[5.0]),
    ("plain.weight", &[1.0]),
    ("kept.weight", &[1.0]),
];

#[test]
fn weights_are_multiplied_by_their_factors() {
    let bytes = file().to_bytes().unwrap();
    let parsed = Gguf::parse(&bytes).unwrap();
    let header = Gguf::parse_header(&bytes).unwrap();
    // One tensor in each part, so that weights and factors are never together.
    let parts = file();
    let parts = parts.split(1, u64::MAX).unwrap();
    let parts: Vec<Vec<u8>> = parts.iter().map(|p| p.to_bytes().unwrap()).collect();
    let split = Split::parse(&parts.iter().map(|p| &p[..]).collect::<Vec<_>>()).unwrap();
    for (name, factors) in CASES {
        let want = expected(&parsed, name, factors);
        let read = || ranges(Cursor::new(&bytes));
        assert_eq!(parsed.to_f32(name).unwrap(), want, "{name}");
        assert_eq!(parsed.tensor(name).unwrap().to_f32().unwrap(), want, "{name}");
        assert_eq!(parsed.linear(name).unwrap().dequantize(), want, "{name}");
        assert_eq!(split.to_f32(name).unwrap(), want, "{name}");
        assert_eq!(split.linear(name).unwrap(), parsed.linear(name).unwrap(), "{name}");
        assert_eq!(header.to_f32(name, read()).unwrap(), want, "{name}");
        assert_eq!(header.linear(name, read()).unwrap(), parsed.linear(name).unwrap());
    }
    assert_eq!(parsed.to_f32("float.weight").unwrap(), [0.1, -0.2, 0.4]);
    let one = parsed.linear("one.weight").unwrap();
    assert_eq!(one.scale(), Some(OutputScale::Multiply(0.3)));
    let experts = parsed.linear("experts.weight").unwrap();
    let of_rows = [0.1, 0.1, 2.0, 2.0, -3.7, -3.7];
    assert_eq!(experts.output_scales(), Some(&of_rows[..]));
    let x = [1.0; 128];
    let y = experts.matmul(&x).unwrap();
    let plain = experts.matrix().matmul(&x).unwrap();
    for (i, y) in y.iter().enumerate() {
        assert_eq!(*y, plain[i] * of_rows[i] + (i + 1) as f32);
    }
}

#[test]
fn a_matrix_is_never_without_its_factor() {
    let bytes = file().to_bytes().unwrap();
    let parsed = Gguf::parse(&bytes).unwrap();
    let header = Gguf::parse_header(&bytes).unwrap();
    for (name, factors) in CASES {
        let tensor = parsed.tensor(name).unwrap();
        let of_header = header.matrix(name, ranges(Cursor::new(&bytes)));
        if factors == [1.0] {
            assert_eq!(tensor.matrix().unwrap(), tensor.packed().unwrap());
            assert_eq!(of_header.unwrap(), tensor.packed().unwrap());
            continue;
        }
        assert_eq!(tensor.factors().unwrap().unwrap(), factors);
        for result in [tensor.matrix(), parsed.matrix(name), of_header] {
            let error = result.unwrap_err();
            let scale = name.replace("weight", "scale");
            assert!(matches!(error, Error::Scaled { .. }), "{error}");
            assert!(error.to_string().contains(&scale), "{error}");
        }
    }
}

#[test]
fn numbers_that_are_no_factors() {
    let bytes = file().to_bytes().unwrap();
    let parsed = Gguf::parse(&bytes).unwrap();
    let says = |error: Error, words: &[&str]| {
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    };
    // llama.cpp multiplies a router's inputs by these, so its weights stay unscaled.
    assert_eq!(parsed.to_f32("router.weight").unwrap(), [1.0; 8]);
    assert!(parsed.matrix("router.weight").is_ok());
    says(
        parsed.linear("router.weight").unwrap_err(),
        &["router.scale", "1, got 4"],
    );
    for (name, words) in [("two", ["two.scale", "1, got 2"]), ("nan", ["nan.scale", "NaN"])] {
        let name = format!("{name}.weight");
        says(parsed.to_f32(&name).unwrap_err(), &words);
        says(parsed.matrix(&name).unwrap_err(), &words);
        says(parsed.linear(&name).unwrap_err(), &words);
    }
}

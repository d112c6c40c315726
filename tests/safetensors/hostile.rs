//! Truncated and malformed files: an error with both numbers, no panic, nothing reserved.

use crate::checkpoint::Checkpoint;
use crate::common::layouts::layout;
use crate::tools::{NAME, checkpoint};
use lowbit::safetensors::Model;
use serde_json::{Value, json};

/// A file with this header and `data` bytes of data.
fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

fn message(bytes: &[u8]) -> String {
    match Model::from_parts("", &[("f", bytes)]) {
        Ok(model) => panic!("{:?}", model.tensors()),
        Err(e) => e.to_string(),
    }
}

#[test]
fn cut_anywhere() {
    let case = layout("ct_nvfp4");
    let file = checkpoint(&case).unwrap();
    let (config, bytes) = (file.config.to_string(), file.bytes());
    for end in 0..bytes.len() {
        let cut = Model::from_parts(&config, &[("f", &bytes[..end])]);
        assert!(cut.is_err(), "{end} of {}", bytes.len());
    }
    assert_eq!(
        message(&bytes[..5]),
        r#""f": the header: its length needs 8 bytes, the file has 5 left"#
    );
    let longer = [&bytes[..], &[0]].concat();
    let data = bytes.len() - 8 - u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    assert_eq!(
        message(&longer),
        format!(
            r#""f": invalid file, the header: the bytes of its tensors should be {}, got {data}"#,
            data + 1
        )
    );
}

#[test]
fn headers_that_lie() {
    for length in [u64::MAX, 1 << 63, 1 << 40, 3] {
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend_from_slice(b"{}");
        assert_eq!(
            message(&bytes),
            format!(r#""f": the header: its JSON needs {length} bytes, the file has 2 left"#)
        );
    }
    for header in [
        "",
        "{",
        "[]",
        "3",
        "{}{}",
        r#"{"a":}"#,
        "\u{0}",
        r#"{"a": 3}"#,
        r#"{"a": null}"#,
    ] {
        assert!(message(&file(header, 0)).contains("should be"), "{header:?}");
    }
    // Nesting that would overflow a recursive reader's stack.
    let deep = format!(r#"{{"a": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    message(&file(&deep, 0));
    let metadata = r#"{"__metadata__": {"format": "pt"}, "a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}}"#;
    let bytes = file(metadata, 2);
    assert_eq!(Model::from_parts("", &[("f", &bytes)]).unwrap().tensors().len(), 1);
}

/// A tensor of this type, shape and offsets before `data` bytes.
fn tensor(dtype: &str, shape: &str, offsets: &str, data: usize) -> String {
    let entry = format!(r#"{{"w": {{"dtype": "{dtype}", "shape": {shape}, "data_offsets": {offsets}}}}}"#);
    message(&file(&entry, data))
}

#[test]
fn tensors_that_lie() {
    let at = r#""f": invalid file, tensor "w": "#;
    assert_eq!(
        tensor("F32", "[2, 2]", "[0, 12]", 12),
        format!("{at}its bytes should be 16 for a shape of [2, 2], got 12")
    );
    assert_eq!(
        tensor("F32", "[3]", "[0, 12]", 8),
        r#""f": tensor "w": the data needs 12 bytes, the file has 8 left"#
    );
    let large = 1u64 << 63;
    for shape in [
        format!("[{large}, 2]"),
        format!("[{large}]"),
        format!("[{large}, {large}, {large}]"),
    ] {
        let got = tensor("F32", &shape, "[0, 8]", 8);
        assert_eq!(
            got,
            format!("{at}its bytes should be over 2^61 for a shape of {shape}, got 8")
        );
    }
    // Zero times anything is zero: such a tensor is allowed, and holds no layer.
    let header = format!(r#"{{"w.weight": {{"dtype": "F32", "shape": [0, {large}], "data_offsets": [0, 0]}}}}"#);
    let bytes = file(&header, 0);
    let model = Model::from_parts("", &[("f", &bytes)]).unwrap();
    assert!(model.linear("w").unwrap_err().to_string().contains("n = 0"));
    assert_eq!(
        tensor("F32", "[1]", "[4, 8]", 8),
        format!("{at}the offset should be 0, got 4")
    );
    assert_eq!(
        tensor("F32", "[1]", "[8, 4]", 8),
        format!("{at}the end of its data should be 8 or more, got 4")
    );
    assert_eq!(
        tensor("F32", "[1]", "[0]", 4),
        format!("{at}data_offsets should be 2 numbers, got 1")
    );
    for shape in ["[-1]", "[1.5]", "[18446744073709551616]", "3", "null", r#"["1"]"#] {
        assert!(
            tensor("F32", shape, "[0, 4]", 4).contains("a list of whole numbers"),
            "{shape}"
        );
    }
    assert!(tensor("F33", "[1]", "[0, 4]", 4).contains("dtype should be a type of safetensors"));
    assert_eq!(
        tensor("F4", "[3]", "[0, 1]", 1),
        format!("{at}its bytes should be 2 for a shape of [3], got 1")
    );
}

#[test]
fn tensors_that_overlap_or_repeat() {
    let entry = |name: &str, begin: u64, end: u64| {
        let shape = end - begin;
        format!(r#""{name}": {{"dtype": "U8", "shape": [{shape}], "data_offsets": [{begin}, {end}]}}"#)
    };
    let two = |a: String, b: String, data| message(&file(&format!("{{{a}, {b}}}"), data));
    assert_eq!(
        two(entry("a", 0, 4), entry("b", 2, 6), 6),
        r#""f": invalid file, tensor "b": the offset should be 4, got 2"#
    );
    assert_eq!(
        two(entry("a", 0, 4), entry("b", 6, 8), 8),
        r#""f": invalid file, tensor "b": the offset should be 4, got 6"#
    );
    // The same name is refused even for the same bytes.
    assert_eq!(
        two(entry("a", 0, 4), entry("a", 0, 4), 4),
        r#""f": tensor "a" is there twice, as number 0 and number 1"#
    );
    let long = "x".repeat(10_000);
    let error = two(entry(&long, 0, 4), entry(&long, 4, 8), 8);
    assert!(error.len() < 300, "{}", error.len());
}

/// Configurations of any kind: an error or a model, never a panic.
#[test]
fn configurations_that_lie() {
    let case = layout("gptq_w4_g128_seq_v2");
    let cases = [
        layout("awq_gemm_w4_g128"),
        layout("bnb_nf4_b64"),
        layout("ct_pack_int3_sym_g128"),
        layout("hqq_b4_g64_ax1"),
        layout("mlx_affine_b3_g64"),
        case,
    ];
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(-2),
        json!(0),
        json!(1),
        json!(3),
        json!(5),
        json!(32),
        json!(1u64 << 63),
        json!(u64::MAX),
        json!(1e300),
        json!("4"),
        json!([]),
        json!([1]),
        json!({}),
    ];
    for case in cases {
        let file = checkpoint(&case).unwrap();
        let place = if file.config["quantization"].is_object() {
            "quantization"
        } else {
            "quantization_config"
        };
        let keys: Vec<String> = file.config[place].as_object().unwrap().keys().cloned().collect();
        for key in keys {
            for value in &values {
                let mut wrong = file.clone();
                wrong.config[place][&key] = value.clone();
                let _ = wrong.linear(NAME);
            }
        }
        for value in &values {
            let mut wrong = file.clone();
            wrong.config[place] = value.clone();
            let _ = wrong.linear(NAME);
            wrong.config = value.clone();
            let _ = wrong.linear(NAME);
        }
    }
    for config in ["{", "3 4", "\u{1}", "[[[["] {
        assert!(Model::from_parts(config, &[]).is_err(), "{config:?}");
    }
    assert_eq!(Model::from_parts("{}", &[]).unwrap().linears(), [""; 0]);
}

/// The JSON inside a tensor, changed at every number and every key.
#[test]
fn states_of_bitsandbytes_that_lie() {
    let case = layout("bnb_nf4_b64_dq");
    let file = checkpoint(&case).unwrap();
    let name = format!("{NAME}.weight.quant_state.bitsandbytes__nf4");
    let state: Value = serde_json::from_slice(case.part("quant_state")).unwrap();
    let with = |state: &Value| -> Checkpoint {
        let text = state.to_string();
        let (shape, bytes) = ([text.len()], text.as_bytes());
        file.clone().with(&name, safetensors::Dtype::U8, &shape, bytes)
    };
    assert!(with(&state).linear(NAME).is_ok());
    let large = json!(1u64 << 63);
    for (key, value) in [
        ("shape", json!([4])),
        ("shape", json!([4, 1023])),
        ("shape", json!([large, 1024])),
        ("shape", json!([large, large])),
        ("shape", json!([0, 0])),
        ("shape", json!([-4, 1024])),
        ("shape", json!(4096)),
        ("blocksize", json!(0)),
        ("blocksize", json!(63)),
        ("blocksize", json!(128)),
        ("blocksize", large.clone()),
        ("blocksize", json!("64")),
        ("nested_blocksize", json!(0)),
        ("nested_blocksize", json!(8)),
        ("nested_offset", json!(null)),
        ("nested_offset", json!(1e300)),
    ] {
        let mut wrong = state.clone();
        wrong[key] = value.clone();
        let error = with(&wrong).linear(NAME).expect_err(key);
        let named = error.to_string().contains(NAME) || error.to_string().contains("config.json");
        assert!(named, "{key} {value}: {error}");
    }
    let cut = case.part("quant_state");
    for end in 0..cut.len() {
        let broken = file.clone().with(&name, safetensors::Dtype::U8, &[end], &cut[..end]);
        assert!(broken.linear(NAME).is_err());
    }
}

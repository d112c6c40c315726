//! Every golden layout in a checkpoint of its tool gives the same layer as its tensors alone.

use crate::checkpoint::Checkpoint;
use crate::common::layouts::layouts;
use crate::common::same_bits;
use crate::tools::{NAME, checkpoint};
use safetensors::Dtype::*;
use serde_json::{Value, json};

#[test]
fn every_case_in_a_checkpoint_of_its_tool() {
    let mut seen = 0;
    for case in layouts() {
        let Some(file) = checkpoint(&case) else {
            continue;
        };
        let fail = |e: String| -> ! { panic!("{}: {e}", case.name) };
        // A layer that is not quantized, and a norm, next to it.
        let file =
            file.floats("lm_head.weight", &[2, 8], &[0.5; 16])
                .floats("model.norm.weight", &[3], &[1.0, 2.0, 3.0]);
        file.read(|model| {
            let model = model.unwrap_or_else(|e| fail(e.to_string()));
            assert_eq!(model.linears(), ["lm_head", NAME], "{}", case.name);
            let linear = model.linear(NAME).unwrap_or_else(|e| fail(e.to_string()));
            let weights = case.as_tool(&linear.dequantize());
            same_bits(&weights, &case.dequantized).unwrap_or_else(|e| fail(e));
            assert_eq!(linear.matrix(), case.linear().unwrap().matrix(), "{}", case.name);
            let head = model.linear("lm_head").unwrap();
            assert_eq!((head.n(), head.k()), (2, 8));
            assert_eq!(model.to_f32("model.norm.weight").unwrap(), [1.0, 2.0, 3.0]);
        });
        seen += 1;
    }
    assert!(seen >= 53, "{seen} checkpoints: some were lost");
}

/// Every tensor of every checkpoint missing, with another type, with another shape: an error that names the layer.
#[test]
fn tensors_that_are_missing_or_wrong() {
    // Optional tensors: without one the layer is valid, or a different layer.
    let optional = [
        ".g_idx",
        ".weight.quant_map",
        ".weight_format",
        ".weight_zero_point",
        ".axis",
        ".group_size",
        ".weight_global_scale",
        ".bias",
        ".weight.nested_absmax",
    ];
    for case in layouts() {
        let Some(file) = checkpoint(&case) else {
            continue;
        };
        for (name, dtype, shape, bytes) in &file.tensors {
            let suffix = name.strip_prefix(NAME).unwrap();
            let fail = |what: &str| format!("{}: {name} {what}", case.name);
            if !optional.contains(&suffix) {
                let error = file.clone().without(name).linear(NAME);
                let message = error.expect_err(&fail("missing")).to_string();
                assert!(message.contains(NAME), "{message}");
            }
            // A type that no tool uses: all tensors must have one of the known types. Bytes that may be stored under
            // any type (HQQ's words, absmax as bytes) are exempt.
            if !["U8", "I8"].contains(&dtype.to_string().as_str()) && suffix != ".W_q" {
                let mut wrong = file.clone();
                let entry = wrong.tensors.iter_mut().find(|t| t.0 == *name).unwrap();
                entry.1 = F64;
                entry.2 = vec![bytes.len() / 8];
                if bytes.len() % 8 != 0 {
                    (entry.1, entry.2) = (BOOL, vec![bytes.len()]);
                }
                let error = wrong.linear(NAME).expect_err(&fail("of another type"));
                assert!(error.to_string().contains(NAME), "{error}");
            }
            // One row too many. A scale for all weights fits any number of rows.
            let single = case.name == "ct_fp8_tensor" || case.kind == "bitnet";
            if single && suffix == ".weight" {
                continue;
            }
            let mut longer = file.clone();
            let entry = longer.tensors.iter_mut().find(|t| t.0 == *name).unwrap();
            match shape.first() {
                Some(0) | None => continue,
                Some(first) => {
                    entry.2[0] += 1;
                    entry.3.extend_from_slice(&bytes[..bytes.len() / first]);
                }
            }
            match longer.linear(NAME) {
                Ok(_) => panic!("{}", fail("a row longer")),
                Err(error) => assert!(error.to_string().contains(NAME), "{error}"),
            }
        }
    }
}

/// NaN scales, in a file of each tool.
#[test]
fn scales_that_are_no_numbers() {
    let mut seen = 0;
    for case in layouts() {
        let Some(file) = checkpoint(&case) else {
            continue;
        };
        for (name, dtype, ..) in &file.tensors {
            let scale = [
                ".scales",
                ".weight_scale",
                ".scale",
                ".zero",
                ".biases",
                ".SCB",
                "_shift",
                "absmax",
            ];
            let width = dtype.bitsize() / 8;
            let bytes_of_codes = name.ends_with(".weight.absmax") && width == 1;
            if !scale.iter().any(|s| name.ends_with(s)) || bytes_of_codes {
                continue;
            }
            let mut broken = file.clone();
            let entry = broken.tensors.iter_mut().find(|t| t.0 == *name).unwrap();
            entry.3[..width].fill(0xff);
            let error = broken.linear(NAME).expect_err(name).to_string();
            assert!(error.contains(NAME) && error.contains("NaN"), "{error}");
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}

/// The configuration's own words are quoted if lowbit does not know them.
#[test]
fn unknown_methods_are_named() {
    let error = |config: Value| {
        let file = Checkpoint {
            config,
            ..Checkpoint::default()
        };
        file.read(|model| model.map(|_| ()).unwrap_err().to_string())
    };
    let quip = error(json!({ "quantization_config": { "quant_method": "quip" } }));
    assert!(
        quip.starts_with(r#"unknown quant_method "quip"; known: gptq, awq, "#),
        "{quip}"
    );
    let number = error(json!({ "quantization_config": { "quant_method": 3 } }));
    assert!(number.starts_with("unknown quant_method \"3\""), "{number}");
    let error = |case: &str, key: &str, value: &str| {
        let case = layouts().into_iter().find(|c| c.name == case).unwrap();
        let mut file = checkpoint(&case).unwrap();
        let mlx = file.config["quantization"].is_object();
        let place = if mlx { "quantization" } else { "quantization_config" };
        file.config[place][key] = json!(value);
        file.linear(NAME).unwrap_err().to_string()
    };
    for (case, key, value) in [
        ("awq_gemm_w4_g128", "version", "marlin"),
        ("gptq_w4_g128_seq_v2", "checkpoint_format", "marlin"),
        ("ct_fp8_tensor", "format", "marlin-24"),
        ("mlx_mxfp4", "mode", "mxfp3"),
        ("bitnet_hf_packed", "linear_class", "halfbit"),
    ] {
        let message = error(case, key, value);
        assert!(message.contains(value) && message.contains("known:"), "{message}");
    }
}

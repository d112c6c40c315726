//! Every golden layout in a checkpoint of its tool: the same layer as from its tensors alone.

use crate::checkpoint::Checkpoint;
use crate::common::layouts::{layouts, Layout};
use crate::common::same_bits;
use safetensors::Dtype::*;
use serde_json::{json, Value};

pub const NAME: &str = "model.layers.0.mlp.up_proj";

fn compressed(format: &str) -> Checkpoint {
    Checkpoint::quantized(json!({
        "quant_method": "compressed-tensors",
        "format": format,
        "ignore": ["lm_head"],
        "config_groups": { "group_0": { "targets": ["Linear"], "weights": { "type": "int" } } },
    }))
}

/// The checkpoint that a case's tool would write; `None` for what has no checkpoints.
pub fn checkpoint(case: &Layout) -> Option<Checkpoint> {
    let (n, k) = (case.n, case.k);
    let part = |name: &str| case.part(name);
    let name = |suffix: &str| format!("{NAME}{suffix}");
    let groups = || k / case.number("group");
    Some(match case.kind.as_str() {
        "gptq" => {
            let bits = case.number("bits");
            Checkpoint::quantized(json!({
                "quant_method": "gptq", "bits": bits, "group_size": 128, "checkpoint_format": "gptq_v2",
                "desc_act": true,
            }))
            .with(&name(".qweight"), I32, &[k * bits / 32, n], part("qweight"))
            .with(&name(".qzeros"), I32, &[groups(), n * bits / 32], part("qzeros"))
            .with(&name(".scales"), F16, &[groups(), n], part("scales"))
            .with(&name(".g_idx"), I32, &[k], part("g_idx"))
        }
        "awq" => Checkpoint::quantized(json!({
            "quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm", "zero_point": true,
        }))
        .with(&name(".qweight"), I32, &[k, n / 8], part("qweight"))
        .with(&name(".qzeros"), I32, &[groups(), n / 8], part("qzeros"))
        .with(&name(".scales"), F16, &[groups(), n], part("scales")),
        "bitsandbytes" => {
            let file = Checkpoint::quantized(json!({
                "quant_method": "bitsandbytes", "load_in_4bit": true,
            }))
            .with(&name(".weight"), U8, &[n * k / 2, 1], part("q"))
            .with(&name(".weight.quant_map"), F32, &[16], part("quant_map"));
            let blocks = n * k / case.number("group");
            let state = name(&format!(
                ".weight.quant_state.bitsandbytes__{}",
                case.text("levels")
            ));
            match case.parts.get("quant_state") {
                // As bitsandbytes wrote it.
                Some(json) => file
                    .with(&state, U8, &[json.len()], json)
                    .with(&name(".weight.absmax"), U8, &[blocks], part("absmax"))
                    .with(&name(".weight.nested_absmax"), F32, &[1], part("nested_absmax"))
                    .with(&name(".weight.nested_quant_map"), F32, &[256], part("nested_quant_map")),
                None => {
                    let json = json!({
                        "quant_type": case.text("levels"), "blocksize": case.number("group"),
                        "dtype": "float32", "shape": [n, k],
                    })
                    .to_string();
                    file.with(&state, U8, &[json.len()], json.as_bytes())
                        .with(&name(".weight.absmax"), F32, &[blocks], part("absmax"))
                }
            }
        }
        "int8" => Checkpoint::quantized(json!({
            "quant_method": "bitsandbytes", "load_in_8bit": true,
        }))
        .with(&name(".weight"), I8, &[n, k], part("q"))
        .with(&name(".SCB"), F32, &[n], part("scb"))
        .with(&name(".weight_format"), U8, &[], &[0]),
        "pack_quantized" => {
            let bits = case.number("bits");
            let mut file = compressed("pack-quantized");
            file.config["quantization_config"]["config_groups"]["group_0"]["weights"]["num_bits"] =
                json!(bits);
            if let Some(zeros) = case.parts.get("zero_point") {
                let shape = [n * bits / 32, groups()];
                file = file.with(&name(".weight_zero_point"), I32, &shape, zeros);
            }
            let shape: Vec<u8> = [n as i64, k as i64]
                .iter()
                .flat_map(|d| d.to_le_bytes())
                .collect();
            file.with(&name(".weight_packed"), I32, &[n, k * bits / 32], part("packed"))
                .with(&name(".weight_scale"), F32, &[n, groups()], part("scale"))
                .with(&name(".weight_shape"), I64, &[2], &shape)
        }
        "int_quantized" => compressed("int-quantized")
            .with(&name(".weight"), I8, &[n, k], part("weight"))
            .with(&name(".weight_scale"), F32, &[n, 1], part("scale")),
        "fp8" => {
            let shape: &[usize] = if case.number("rows") == 0 { &[1] } else { &[n, 1] };
            compressed("float-quantized")
                .with(&name(".weight"), F8_E4M3, &[n, k], part("weight"))
                .with(&name(".weight_scale"), F32, shape, part("scale"))
        }
        "microscaled" => microscaled(case)?,
        "hqq" => {
            let bits = case.number("bits");
            let item = if bits == 3 { 4 } else { 1 };
            let columns = if case.number("axis") == 0 { n * k / 64 } else { 64 };
            let rows = part("q").len() / columns / item;
            let count = if case.number("axis") == 0 { [1, n * k / 64] } else { [n * k / 64, 1] };
            let number = |v: usize| (v as i32).to_le_bytes();
            let shape: Vec<u8> = [n as i64, k as i64]
                .iter()
                .flat_map(|d| d.to_le_bytes())
                .collect();
            Checkpoint::quantized(json!({ "quant_method": "hqq", "quant_config": {} }))
                .with(&name(".W_q"), if bits == 3 { I32 } else { U8 }, &[rows, columns], part("q"))
                .with(&name(".scale"), F32, &count, part("scale"))
                .with(&name(".zero"), F32, &count, part("zero"))
                .with(&name(".shape"), I64, &[2], &shape)
                .with(&name(".nbits"), I32, &[], &number(bits))
                .with(&name(".group_size"), I32, &[], &number(64))
                .with(&name(".axis"), I32, &[], &number(case.number("axis")))
        }
        "quanto" => {
            let groups = n * k / 128;
            let rows = part("q").len() / 128;
            // Without a bias nothing tells the shape.
            Checkpoint::quantized(json!({ "quant_method": "quanto" }))
                .with(&name(".weight._data._data"), U8, &[rows, 128], part("q"))
                .with(&name(".weight._scale"), F32, &[groups, 1], part("scale"))
                .with(&name(".weight._shift"), F32, &[groups, 1], part("shift"))
                .floats(&name(".bias"), &[n], &vec![0.0; n])
        }
        "mlx" => {
            let (bits, group) = (case.number("bits"), case.number("group"));
            let mut file = Checkpoint::default()
                .with(&name(".weight"), U32, &[n, k * bits / 32], part("q"))
                .with(&name(".scales"), F32, &[n, k / group], part("scales"))
                .with(&name(".biases"), F32, &[n, k / group], part("biases"));
            let settings = json!({ "group_size": group, "bits": bits, "mode": "affine" });
            // MLX writes its settings under both names.
            file.config = json!({ "quantization": settings, "quantization_config": settings });
            file
        }
        "bitnet" => Checkpoint::quantized(json!({
            "quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "offline",
        }))
        .with(&name(".weight"), U8, &[n / 4, k], part("q"))
        .floats(&name(".weight_scale"), &[1], &[1.0]),
        // An operator of ONNX, and a product.
        "onnx" | "int8_product" => return None,
        other => panic!("{other}"),
    })
}

fn microscaled(case: &Layout) -> Option<Checkpoint> {
    let (n, k) = (case.n, case.k);
    let name = |suffix: &str| format!("{NAME}{suffix}");
    let (packed, scale) = (case.part("packed"), case.part("scale"));
    let scale_shape = [n, k / case.number("group")];
    if let Some(mode) = case.name.strip_prefix("mlx_") {
        let mut file = Checkpoint::default()
            .with(&name(".weight"), U32, &[n, packed.len() / n / 4], packed)
            .with(&name(".scales"), U8, &scale_shape, scale);
        file.config = json!({
            "quantization": { "group_size": case.number("group"), "bits": 4, "mode": mode },
        });
        return Some(file);
    }
    let packed_shape = [n, packed.len() / n];
    Some(match case.name.as_str() {
        "ct_nvfp4" => compressed("nvfp4-pack-quantized")
            .with(&name(".weight_packed"), U8, &packed_shape, packed)
            .with(&name(".weight_scale"), F8_E4M3, &scale_shape, scale)
            .with(
                &name(".weight_global_scale"),
                F32,
                &[1],
                case.part("global_scale"),
            ),
        "ct_mxfp8" => compressed("mxfp8-quantized")
            .with(&name(".weight"), F8_E4M3, &packed_shape, packed)
            .with(&name(".weight_scale"), U8, &scale_shape, scale),
        _ => compressed("mxfp4-pack-quantized")
            .with(&name(".weight_packed"), U8, &packed_shape, packed)
            .with(&name(".weight_scale"), U8, &scale_shape, scale),
    })
}

#[test]
fn every_case_in_a_checkpoint_of_its_tool() {
    let mut seen = 0;
    for case in layouts() {
        let Some(file) = checkpoint(&case) else {
            continue;
        };
        let fail = |e: String| -> ! { panic!("{}: {e}", case.name) };
        // A layer that is not quantized, and a norm, beside it.
        let file = file.floats("lm_head.weight", &[2, 8], &[0.5; 16]).floats(
            "model.norm.weight",
            &[3],
            &[1.0, 2.0, 3.0],
        );
        file.read(|model| {
            let model = model.unwrap_or_else(|e| fail(e.to_string()));
            assert_eq!(model.linears(), ["lm_head", NAME], "{}", case.name);
            let linear = model.linear(NAME).unwrap_or_else(|e| fail(e.to_string()));
            let weights = case.as_tool(&linear.dequantize());
            same_bits(&weights, &case.dequantized).unwrap_or_else(|e| fail(e));
            assert_eq!(
                linear.matrix(),
                case.linear().unwrap().matrix(),
                "{}",
                case.name
            );
            let head = model.linear("lm_head").unwrap();
            assert_eq!((head.n(), head.k()), (2, 8));
            assert_eq!(
                model.tensor_f32("model.norm.weight").unwrap(),
                [1.0, 2.0, 3.0]
            );
        });
        seen += 1;
    }
    assert_eq!(seen, 53);
}

/// Every tensor of every checkpoint missing, of another type, of another shape: an error that names it.
#[test]
fn tensors_that_are_missing_or_wrong() {
    // What a layer can do without: it is in order then, or another layer of the same names.
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
            // A type that no tool has: all tensors must be of one that some has. Bytes that may be stored
            // as anything (HQQ's words, absmax as bytes) are not told by it.
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
            // One row more than there is.
            let mut longer = file.clone();
            let entry = longer.tensors.iter_mut().find(|t| t.0 == *name).unwrap();
            match shape.first() {
                Some(0) | None => continue,
                Some(first) => {
                    entry.2[0] += 1;
                    entry.3.extend_from_slice(&bytes[..bytes.len() / first]);
                }
            }
            let error = longer.linear(NAME).expect_err(&fail("a row longer"));
            assert!(error.to_string().contains(NAME), "{error}");
        }
    }
}

/// Scales that are infinite or no numbers, in a file of each tool.
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

/// The configuration's own words, told when there is no layer of them.
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
        let place = if mlx {
            "quantization"
        } else {
            "quantization_config"
        };
        file.config[place][key] = json!(value);
        file.linear(NAME).unwrap_err().to_string()
    };
    for (case, key, value) in [
        ("awq_gemm_w4_g128", "version", "gemv"),
        ("gptq_w4_g128_seq_v2", "checkpoint_format", "marlin"),
        ("ct_fp8_tensor", "format", "sparse-24-bitmask"),
        ("mlx_mxfp4", "mode", "mxfp3"),
        ("bitnet_hf_packed", "linear_class", "halfbit"),
    ] {
        let message = error(case, key, value);
        assert!(
            message.contains(value) && message.contains("known:"),
            "{message}"
        );
    }
}

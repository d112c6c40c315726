//! The checkpoint that each tool would write for a golden case.

use crate::checkpoint::Checkpoint;
use crate::common::layouts::Layout;
use safetensors::Dtype::*;
use serde_json::json;

pub const NAME: &str = "model.layers.0.mlp.up_proj";

fn compressed(format: &str) -> Checkpoint {
    Checkpoint::quantized(json!({
        "quant_method": "compressed-tensors",
        "format": format,
        "ignore": ["lm_head"],
        "config_groups": { "group_0": { "targets": ["Linear"], "weights": { "type": "int" } } },
    }))
}

/// The checkpoint that a case's tool would write; `None` if there is none.
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
            let state = name(&format!(".weight.quant_state.bitsandbytes__{}", case.text("levels")));
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
                    file.with(&state, U8, &[json.len()], json.as_bytes()).with(
                        &name(".weight.absmax"),
                        F32,
                        &[blocks],
                        part("absmax"),
                    )
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
            file.config["quantization_config"]["config_groups"]["group_0"]["weights"]["num_bits"] = json!(bits);
            if let Some(zeros) = case.parts.get("zero_point") {
                let shape = [n * bits / 32, groups()];
                file = file.with(&name(".weight_zero_point"), I32, &shape, zeros);
            }
            let shape: Vec<u8> = [n as i64, k as i64].iter().flat_map(|d| d.to_le_bytes()).collect();
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
            let count = if case.number("axis") == 0 {
                [1, n * k / 64]
            } else {
                [n * k / 64, 1]
            };
            let number = |v: usize| (v as i32).to_le_bytes();
            let shape: Vec<u8> = [n as i64, k as i64].iter().flat_map(|d| d.to_le_bytes()).collect();
            Checkpoint::quantized(json!({ "quant_method": "hqq", "quant_config": {} }))
                .with(
                    &name(".W_q"),
                    if bits == 3 { I32 } else { U8 },
                    &[rows, columns],
                    part("q"),
                )
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
            // Without a bias nothing stores the shape.
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
        // An ONNX operator, and a product.
        "onnx" | "int8_product" => return None,
        other => panic!("{other}: add the checkpoint of its tool here, or that there is none"),
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
            .with(&name(".weight_global_scale"), F32, &[1], case.part("global_scale")),
        "ct_mxfp8" => compressed("mxfp8-quantized")
            .with(&name(".weight"), F8_E4M3, &packed_shape, packed)
            .with(&name(".weight_scale"), U8, &scale_shape, scale),
        _ => compressed("mxfp4-pack-quantized")
            .with(&name(".weight_packed"), U8, &packed_shape, packed)
            .with(&name(".weight_scale"), U8, &scale_shape, scale),
    })
}

//! Cases without golden tensors: methods without golden bytes, settings of single layers, shards.

use crate::checkpoint::Checkpoint;
use crate::common::layouts::layout;
use crate::common::{Random, same_bits};
use crate::tools::{NAME, checkpoint};
use lowbit::layouts::{AqlmLayout, Element, FloatSlice, Fp8Layout, MicroscaledLayout, QuantoByte, QuantoBytesLayout};
use lowbit::safetensors::{Method, Model};
use lowbit::{Format, Group, OutputScale, ScaleType};
use safetensors::Dtype::*;
use serde_json::json;

/// Settings that old files lack, and a bias.
#[test]
fn old_gptq_files() {
    let case = layout("gptq_w8_g128_seq_v2");
    let mut file = checkpoint(&case).unwrap();
    file.config["quantization_config"] = json!({
        "quant_method": "gptq", "bits": 8, "group_size": 128, "checkpoint_format": "gptq_v2",
    });
    let bias: Vec<f32> = (0..case.n).map(|i| i as f32).collect();
    let file = file
        .without(&format!("{NAME}.g_idx"))
        .floats(&format!("{NAME}.bias"), &[case.n], &bias);
    let linear = file.linear(NAME).unwrap();
    assert_eq!(linear.bias(), Some(&bias[..]));
    same_bits(&case.as_tool(&linear.dequantize()), &case.dequantized).unwrap();
    // v1 by default: other zero points.
    let mut v1 = file.clone();
    v1.config["quantization_config"]["checkpoint_format"] = json!(null);
    let weights = case.as_tool(&v1.linear(NAME).unwrap().dequantize());
    assert!(same_bits(&weights, &case.dequantized).is_err());
    // Bits that do not match the tensors.
    let mut wrong = file.clone();
    wrong.config["quantization_config"]["bits"] = json!(4);
    assert!(wrong.linear(NAME).is_err());
    // Accepted if the settings allow layers to differ.
    wrong.config["quantization_config"]["dynamic"] = json!({ ".*up_proj": { "bits": 8 } });
    assert_eq!(wrong.linear(NAME).unwrap(), linear);
}

#[test]
fn fp8_of_tensors_rows_and_blocks() {
    let (n, k) = (256, 384);
    let mut random = Random::new(3);
    let weight: Vec<u8> = (0..n * k).map(|_| (random.next() % 127) as u8).collect();
    let scales = random.floats(n * 3, 1.0);
    let expect = |element, block, count: usize| {
        let scales = FloatSlice::from(&scales[..count]);
        let fp8 = Fp8Layout {
            n,
            k,
            element,
            block,
            weight: &weight,
            scales,
        };
        fp8.linear().unwrap()
    };
    let settings = json!({ "quant_method": "fp8", "weight_block_size": [128, 128] });
    let base = |settings| Checkpoint::quantized(settings).with(&format!("{NAME}.weight"), F8_E4M3, &[n, k], &weight);
    let inv = format!("{NAME}.weight_scale_inv");
    let deepseek = base(settings).floats(&inv, &[2, 3], &scales[..6]);
    assert_eq!(deepseek.linear(NAME).unwrap(), expect(Element::E4M3, (128, 128), 6));
    let scale = format!("{NAME}.weight_scale");
    let tensor = base(json!({ "quant_method": "fp8" })).floats(&scale, &[], &scales[..1]);
    assert_eq!(tensor.linear(NAME).unwrap(), expect(Element::E4M3, (n, k), 1));
    let rows = base(json!({ "quant_method": "fbgemm_fp8" })).floats(&scale, &[n, 1], &scales[..n]);
    assert_eq!(rows.linear(NAME).unwrap(), expect(Element::E4M3, (1, k), n));
    let e5m2 = rows.with(&format!("{NAME}.weight"), F8_E5M2, &[n, k], &vec![0x3c; n * k]);
    let linear = e5m2.linear(NAME).unwrap();
    assert_eq!(
        linear.matrix().format(),
        Format::FP8_E5M2.with_group(Group::Row).unwrap()
    );
    // A truncated last block, and blocks of another size than the default.
    let settings = json!({ "quant_method": "fp8", "weight_block_size": [100, 96] });
    let blocks = base(settings).floats(&inv, &[3, 4], &scales[..12]);
    assert_eq!(blocks.linear(NAME).unwrap(), expect(Element::E4M3, (100, 96), 12));
    let lost = base(json!({ "quant_method": "fp8" })).floats(&inv, &[3, 4], &scales[..12]);
    let error = lost.linear(NAME).unwrap_err().to_string();
    assert!(error.contains("[3, 4] for weights of [256, 384]"), "{error}");
}

#[test]
fn modelopt_multiplies_its_global_scale() {
    let case = layout("ct_nvfp4");
    let (n, k) = (case.n, case.k);
    let expected = MicroscaledLayout {
        n,
        k,
        element: Element::E2M1,
        group: Group::Len(16),
        packed: case.part("packed"),
        scales: case.small_scales(),
        global: Some(OutputScale::Multiply(0.25)),
    };
    let inputs: Vec<f32> = (0..k).map(|i| 1.0 + i as f32).collect();
    let file = Checkpoint::quantized(json!({ "quant_method": "modelopt", "quant_algo": "NVFP4" }))
        .with(&format!("{NAME}.weight"), U8, &[n, k / 2], case.part("packed"))
        .with(
            &format!("{NAME}.weight_scale"),
            F8_E4M3,
            &[n, k / 16],
            case.part("scale"),
        )
        .floats(&format!("{NAME}.weight_scale_2"), &[], &[0.25])
        .floats(&format!("{NAME}.input_scale"), &[], &[1.0]);
    assert_eq!(file.linear(NAME).unwrap(), expected.linear().unwrap());
    let awq = file.clone().floats(&format!("{NAME}.pre_quant_scale"), &[k], &inputs);
    assert_eq!(awq.linear(NAME).unwrap().input_scales(), Some(&inputs[..]));
    let none = file.without(&format!("{NAME}.weight_scale_2"));
    let error = none.linear(NAME).unwrap_err().to_string();
    assert!(error.contains("weight_scale_2"), "{error}");

    let weight = layout("ct_fp8_tensor");
    let fp8 = Checkpoint::quantized(json!({ "quant_method": "modelopt", "quant_algo": "FP8" }))
        .with(&format!("{NAME}.weight"), F8_E4M3, &[n, k], weight.part("weight"))
        .with(&format!("{NAME}.weight_scale"), F32, &[], weight.part("scale"));
    same_bits(&fp8.linear(NAME).unwrap().dequantize(), &weight.dequantized).unwrap();
}

/// gpt-oss: the experts' rows consecutively, each with a bias.
#[test]
fn experts_of_gpt_oss() {
    let case = layout("ct_mxfp4");
    let (n, k) = (case.n, case.k);
    let name = "model.layers.0.mlp.experts.gate_up_proj";
    let bias: Vec<f32> = (0..n).map(|i| i as f32).collect();
    let file = Checkpoint::quantized(json!({
        "quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"],
    }))
    .with(
        &format!("{name}_blocks"),
        U8,
        &[2, n / 2, k / 32, 16],
        case.part("packed"),
    )
    .with(&format!("{name}_scales"), U8, &[2, n / 2, k / 32], case.part("scale"))
    .floats(&format!("{name}_bias"), &[2, n / 2], &bias);
    file.read(|model| {
        let model = model.unwrap();
        assert_eq!(model.linears(), [name]);
        let linear = model.linear(name).unwrap();
        same_bits(&linear.dequantize(), &case.dequantized).unwrap();
        assert_eq!(linear.bias(), Some(&bias[..]));
    });
}

#[test]
fn aqlm_of_both_kinds() {
    let (n, k) = (4, 32);
    let mut random = Random::new(17);
    let codes: Vec<u8> = (0..n * k / 4).map(|_| random.next() as u8).collect();
    let halves = |count: usize, random: &mut Random| -> Vec<u8> {
        let floats = random.floats(count, 1.0).into_iter();
        floats.flat_map(|f| half::f16::from_f32(f).to_le_bytes()).collect()
    };
    let scales = halves(n, &mut random);
    for (books, entries, dtype) in [(1, 65536, I16), (2, 256, I8)] {
        let codebooks = halves(books * entries * 8, &mut random);
        let shape = [n, k / 8, books];
        let file = Checkpoint::quantized(json!({
            "quant_method": "aqlm", "num_codebooks": books, "in_group_size": 8, "out_group_size": 1,
        }))
        .with(&format!("{NAME}.codes"), dtype, &shape, &codes)
        .with(&format!("{NAME}.codebooks"), F16, &[books, entries, 1, 8], &codebooks)
        .with(&format!("{NAME}.scales"), F16, &[n, 1, 1, 1], &scales);
        let expected = AqlmLayout {
            n,
            k,
            books,
            codes: &codes,
            codebooks: FloatSlice::new(ScaleType::F16, &codebooks),
            scales: FloatSlice::new(ScaleType::F16, &scales),
        };
        assert_eq!(file.linear(NAME).unwrap(), expected.linear().unwrap());
    }
}

#[test]
fn quanto_of_bytes_and_of_unknown_shape() {
    let data: Vec<u8> = (0..64).map(|i| i * 3).collect();
    let scales = [0.5f32, 0.25, 1.0, 2.0];
    for (dtype, byte) in [(I8, QuantoByte::Int8), (F8_E4M3, QuantoByte::Float(Element::E4M3))] {
        let file = Checkpoint::quantized(json!({ "quant_method": "quanto" }))
            .with(&format!("{NAME}.weight._data"), dtype, &[4, 16], &data)
            .floats(&format!("{NAME}.weight._scale"), &[4, 1], &scales);
        let expected = QuantoBytesLayout {
            n: 4,
            k: 16,
            byte,
            data: &data,
            scales: FloatSlice::from(&scales[..]),
        };
        match byte {
            // 0x7f and 0xff are NaN in E4M3, so such data is skipped here.
            QuantoByte::Float(_) if data.iter().any(|b| b & 0x7f == 0x7f) => {}
            _ => assert_eq!(file.linear(NAME).unwrap(), expected.linear().unwrap()),
        }
    }
    let case = layout("quanto_qint4_g128");
    let file = checkpoint(&case).unwrap().without(&format!("{NAME}.bias"));
    let error = file.linear(NAME).unwrap_err().to_string();
    assert!(error.contains("Model::linear_of"), "{error}");
    file.read(|model| {
        let linear = model.unwrap().linear_of(NAME, 4, 1024).unwrap();
        same_bits(&linear.dequantize(), &case.dequantized).unwrap();
    });
    file.read(|model| assert!(model.unwrap().linear_of(NAME, 4, 1000).is_err()));
    // If a file stores the shape, a given one must match it.
    let case = layout("awq_gemm_w4_g128");
    checkpoint(&case).unwrap().read(|model| {
        let model = model.unwrap();
        assert!(model.linear_of(NAME, 32, 1024).is_ok());
        let error = model.linear_of(NAME, 1024, 32).unwrap_err().to_string();
        assert!(error.contains("[1024, 32]") && error.contains("[32, 1024]"), "{error}");
    });
}

/// MLX: one layer has bits and groups of its own; ModelOpt and others nest their configuration.
#[test]
fn settings_of_single_layers() {
    let (four, eight) = (layout("mlx_affine_b4_g64"), layout("mlx_affine_b8_g64"));
    let mut file = checkpoint(&four).unwrap();
    for (name, dtype, shape, bytes) in checkpoint(&eight).unwrap().tensors {
        file = file.with(&name.replace("up_proj", "down_proj"), dtype, &shape, &bytes);
    }
    let down = NAME.replace("up_proj", "down_proj");
    file.config["quantization"][&down] = json!({ "group_size": 64, "bits": 8 });
    file.read(|model| {
        let model = model.unwrap();
        assert_eq!(model.method(), Method::Mlx);
        assert_eq!(model.linears(), [down.as_str(), NAME]);
        let weights = |name: &str| model.linear(name).unwrap().dequantize();
        same_bits(&weights(NAME), &four.dequantized).unwrap();
        same_bits(&weights(&down), &eight.dequantized).unwrap();
    });
    // Without its settings the layer does not fit.
    file.config["quantization"].as_object_mut().unwrap().remove(&down);
    assert!(file.linear(&down).is_err());
}

/// A model without quantization, in three types; bitsandbytes' layers describe themselves.
#[test]
fn no_configuration() {
    let half = |values: &[f32]| -> Vec<u8> {
        let halves = values.iter().map(|v| half::bf16::from_f32(*v));
        halves.flat_map(|h| h.to_le_bytes()).collect()
    };
    let case = layout("bnb_nf4_b64");
    let mut file = checkpoint(&case).unwrap();
    file.config = json!(null);
    let file = file
        .floats("a.weight", &[2, 2], &[1.0, 2.0, 3.0, 4.0])
        .with("b.weight", BF16, &[1, 3], &half(&[1.0, -1.0, 0.5]))
        .with("b.bias", BF16, &[1], &half(&[7.0]))
        .floats("conv.weight", &[1, 1, 1], &[1.0])
        .floats("norm.weight", &[2], &[1.0, 1.0]);
    let bytes = file.bytes();
    let model = Model::from_parts("", &[("x.safetensors", &bytes)]).unwrap();
    assert_eq!((model.method(), model.method().name()), (Method::Plain, "none"));
    assert_eq!(model.linears(), ["a", "b", NAME]);
    assert_eq!(model.linear("a").unwrap().matrix().format(), Format::F32);
    let b = model.linear("b").unwrap();
    assert_eq!(b.dequantize(), [1.0, -1.0, 0.5]);
    assert_eq!(b.matmul(&[1.0, 1.0, 2.0]).unwrap(), [8.0]);
    same_bits(&model.linear(NAME).unwrap().dequantize(), &case.dequantized).unwrap();
    for name in ["norm", "conv", "nowhere"] {
        let error = model.linear(name).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    let info: Vec<_> = model.tensors().iter().filter(|t| t.name() == "b.weight").collect();
    assert_eq!(info[0].dtype(), "BF16");
    assert_eq!((info[0].shape(), info[0].byte_len()), (&[1, 3][..], 6));
    assert_eq!(model.data("b.weight").unwrap(), half(&[1.0, -1.0, 0.5]));
    assert!(model.to_f32(&format!("{NAME}.weight")).is_err());
}

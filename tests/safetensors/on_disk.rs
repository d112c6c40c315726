//! Directories: one file or shards, with and without a configuration.

use crate::checkpoint::Checkpoint;
use crate::common::layouts::layout;
use crate::common::same_bits;
use crate::tools::{NAME, checkpoint};
use lowbit::Error;
use lowbit::safetensors::{Method, Model};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A directory that is deleted with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("lowbit-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.0.join(name), bytes).unwrap();
    }

    fn open(&self) -> lowbit::Result<Model<'static>> {
        Model::open(&self.0)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn one_file() {
    let case = layout("gptq_w3_g128_act_v2");
    let file = checkpoint(&case).unwrap();
    let directory = Directory::new("one");
    assert!(matches!(directory.open(), Err(Error::File { .. })));
    directory.write("config.json", file.config.to_string());
    directory.write("model.safetensors", file.bytes());
    let model = directory.open().unwrap();
    assert_eq!(model.method(), Method::Gptq);
    let linear = model.linear(NAME).unwrap();
    same_bits(&case.as_tool(&linear.dequantize()), &case.dequantized).unwrap();

    // A file opened by its own name uses the settings next to it.
    let alone = Model::open(directory.0.join("model.safetensors")).unwrap();
    assert_eq!(alone.method(), Method::Gptq);
    assert_eq!(alone.linear(NAME).unwrap(), linear);

    // A file that was truncated after it was opened.
    let bytes = file.bytes();
    directory.write("model.safetensors", &bytes[..bytes.len() / 2]);
    let error = model.linear(NAME).unwrap_err();
    assert!(matches!(error, Error::Truncated { .. }), "{error}");
}

#[test]
fn shards() {
    let case = layout("ct_pack_int4_asym_g128");
    let file = checkpoint(&case).unwrap();
    let directory = Directory::new("shards");
    directory.write("config.json", file.config.to_string());
    // Each tensor in a file of its own.
    let mut map = json!({});
    let mut parts = Vec::new();
    for (i, tensor) in file.tensors.iter().enumerate() {
        let name = format!("model-{:05}-of-{:05}.safetensors", i + 1, file.tensors.len());
        map[&tensor.0] = json!(name);
        let part = Checkpoint {
            config: Value::Null,
            tensors: vec![tensor.clone()],
        };
        directory.write(&name, part.bytes());
        parts.push((name, part.bytes()));
    }
    let index = |map: &Value| json!({ "metadata": {}, "weight_map": map }).to_string();
    directory.write("model.safetensors.index.json", index(&map));
    let model = directory.open().unwrap();
    let linear = model.linear(NAME).unwrap();
    same_bits(&linear.dequantize(), &case.dequantized).unwrap();

    // The same from bytes; a file given twice is a duplicate tensor.
    let borrowed: Vec<(&str, &[u8])> = parts.iter().map(|(n, b)| (&n[..], &b[..])).collect();
    let config = file.config.to_string();
    let model = Model::from_parts(&config, &borrowed).unwrap();
    assert_eq!(model.linear(NAME).unwrap(), linear);
    let twice = [&borrowed[..], &borrowed[..1]].concat();
    let error = Model::from_parts(&config, &twice).unwrap_err();
    assert!(matches!(error, Error::Duplicate { first: 0, .. }), "{error}");

    // A tensor that the index lists and no file has does not exist.
    let mut wrong = map.clone();
    wrong["nowhere"] = map[&file.tensors[0].0].clone();
    directory.write("model.safetensors.index.json", index(&wrong));
    let model = directory.open().unwrap();
    assert_eq!(model.linear(NAME).unwrap(), linear);
    let error = model.data("nowhere").unwrap_err();
    assert!(matches!(error, Error::NoTensor { .. }), "{error}");
    // Wrong indices: a file elsewhere, a missing file, no map.
    for file in ["../model.safetensors", "/etc/passwd", "", "..", "a/b"] {
        wrong["nowhere"] = json!(file);
        directory.write("model.safetensors.index.json", index(&wrong));
        let error = directory.open().unwrap_err().to_string();
        assert!(error.contains("should be a file name"), "{error}");
    }
    wrong["nowhere"] = json!("missing.safetensors");
    directory.write("model.safetensors.index.json", index(&wrong));
    let error = directory.open().unwrap_err().to_string();
    assert!(error.contains("missing.safetensors"), "{error}");
    for text in ["", "{}", "[1", r#"{"weight_map": 3}"#] {
        directory.write("model.safetensors.index.json", text);
        assert!(directory.open().is_err(), "{text}");
    }
}

/// ModelOpt's first checkpoints had their settings in a separate file.
#[test]
fn settings_of_modelopt() {
    let case = layout("ct_fp8_tensor");
    let directory = Directory::new("modelopt");
    let file = checkpoint(&case).unwrap();
    directory.write("config.json", json!({ "model_type": "llama" }).to_string());
    directory.write(
        "hf_quant_config.json",
        json!({ "producer": {}, "quantization": { "quant_algo": "FP8" } }).to_string(),
    );
    directory.write("model.safetensors", file.bytes());
    let model = directory.open().unwrap();
    assert_eq!(model.method(), Method::ModelOpt);
    same_bits(&model.linear(NAME).unwrap().dequantize(), &case.dequantized).unwrap();
    directory.write("config.json", "{");
    assert!(directory.open().is_err());
}

/// Two files contain one name: the index decides; without one it is an error.
#[test]
fn the_index_decides() {
    let directory = Directory::new("index");
    let one = |value: f32| {
        let file = Checkpoint::default().floats("a.weight", &[1, 2], &[value; 2]);
        file.floats(&format!("b{value}"), &[1], &[value]).bytes()
    };
    directory.write("x.safetensors", one(1.0));
    directory.write("y.safetensors", one(2.0));
    let error = directory.open().unwrap_err();
    assert!(matches!(error, Error::Duplicate { .. }), "{error}");
    // The index lists no tensor of this file, so it is not part of the model.
    directory.write("consolidated.safetensors", one(3.0));
    for (chosen, value) in [("x", 1.0), ("y", 2.0)] {
        let file = |name: &str| format!("{name}.safetensors");
        let map = json!({ "a.weight": file(chosen), "b1": file("x"), "b2": file("y") });
        let index = json!({ "weight_map": map }).to_string();
        directory.write("model.safetensors.index.json", index);
        let model = directory.open().unwrap();
        assert_eq!(model.linears(), ["a"]);
        assert_eq!(model.linear("a").unwrap().dequantize(), [value; 2]);
        assert_eq!(model.to_f32("b2").unwrap(), [2.0]);
        assert!(model.data("b3").is_err());
        let a = &model.tensors()[model.tensors().iter().position(|t| t.name() == "a.weight").unwrap()];
        assert_eq!(model.file_of(a), file(chosen));
    }
    let files = lowbit::safetensors::files(&directory.0).unwrap();
    let names: Vec<_> = files.iter().map(|f| f.file_name().unwrap()).collect();
    assert_eq!(names, ["x.safetensors", "y.safetensors"]);

    // A whole model next to an index from when it was split.
    directory.write("model.safetensors", one(4.0));
    let model = directory.open().unwrap();
    assert_eq!(model.linear("a").unwrap().dequantize(), [4.0; 2]);
    assert_eq!(model.tensors().len(), 2);
}

/// Other file names: one index, one file, or all files.
#[test]
fn other_names() {
    let directory = Directory::new("names");
    let error = directory.open().unwrap_err().to_string();
    assert!(error.contains("other .safetensors files, got none"), "{error}");
    directory.write("m.onnx", b"\x08\x0a\x12\x0d");
    for error in [directory.open(), Model::open(directory.0.join("m.onnx"))] {
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("layouts::MatMulNBitsLayout takes its tensors"),
            "{error}"
        );
    }
    let one = |name: &str| Checkpoint::default().floats(name, &[1], &[1.0]).bytes();
    directory.write("gptq_model-4bit-128g.safetensors", one("a"));
    assert_eq!(directory.open().unwrap().tensors().len(), 1);
    directory.write("second.safetensors", one("b"));
    assert_eq!(directory.open().unwrap().tensors().len(), 2);
    let index = json!({ "weight_map": { "b": "second.safetensors" } }).to_string();
    directory.write("diffusion_pytorch_model.safetensors.index.json", &index);
    let model = directory.open().unwrap();
    assert_eq!(model.tensors()[0].name(), "b");
    directory.write("other.safetensors.index.json", &index);
    let error = directory.open().unwrap_err().to_string();
    assert!(error.contains("other.safetensors.index.json"), "{error}");
}

/// Pipes and devices are refused without blocking; oversized settings are not read.
#[cfg(unix)]
#[test]
fn only_regular_files_are_read() {
    let tensors = Checkpoint::default().floats("a", &[1], &[1.0]).bytes();
    let special = |directory: &Directory, name: &str, device: bool| {
        let path = directory.0.join(name);
        let _ = std::fs::remove_file(&path);
        if device {
            std::os::unix::fs::symlink("/dev/zero", path).unwrap()
        } else {
            let made = std::process::Command::new("mkfifo").arg(path).status();
            assert!(made.unwrap().success());
        }
    };
    for device in [true, false] {
        for name in [
            "config.json",
            "quantize_config.json",
            "model.safetensors",
            "model.safetensors.index.json",
        ] {
            let directory = Directory::new("special");
            if !name.starts_with("model") {
                directory.write("model.safetensors", &tensors);
            }
            special(&directory, name, device);
            let error = directory.open().unwrap_err().to_string();
            assert!(error.contains("not a regular file") && error.contains(name), "{error}");
            let error = Model::open(directory.0.join(name)).unwrap_err().to_string();
            assert!(error.contains("not a regular file"), "{error}");
        }
    }
    // Caches of models contain links to files.
    let directory = Directory::new("links");
    directory.write("blob", &tensors);
    std::os::unix::fs::symlink("blob", directory.0.join("model.safetensors")).unwrap();
    assert_eq!(directory.open().unwrap().tensors().len(), 1);
    let config = std::fs::File::create(directory.0.join("config.json")).unwrap();
    config.set_len(1 << 40).unwrap();
    let error = directory.open().unwrap_err().to_string();
    assert!(error.contains("at most, got 1099511627776"), "{error}");
}

/// `NaN` and `Infinity` are not JSON, but Python writes them.
#[test]
fn numbers_that_json_does_not_have() {
    let case = layout("gptq_w4_g128_seq_v2");
    let file = checkpoint(&case).unwrap();
    let text = file.config.to_string();
    let text = text.replacen('{', r#"{"time_step_limit": [0.0, Infinity], "a": -Infinity, "#, 1);
    let text = text.replacen("\"quant_method\"", "\"x\": NaN, \"quant_method\"", 1);
    let bytes = file.bytes();
    let model = Model::from_parts(&text, &[("f", &bytes)]).unwrap();
    assert_eq!(model.linear(NAME).unwrap(), file.linear(NAME).unwrap());
}

/// Callers can find out why reading failed.
#[test]
fn the_error_of_the_system_is_kept() {
    let missing = Model::open("no such folder/model.safetensors").unwrap_err();
    let source = std::error::Error::source(&missing).and_then(|e| e.downcast_ref::<std::io::Error>());
    assert_eq!(
        source.map(|e| e.kind()),
        Some(std::io::ErrorKind::NotFound),
        "{missing}"
    );
    assert!(missing.to_string().contains("no such folder"), "{missing}");
    assert_eq!(missing.clone(), missing);
}

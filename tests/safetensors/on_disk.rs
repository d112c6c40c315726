//! Directories: one file or shards, with and without a configuration.

use crate::checkpoint::Checkpoint;
use crate::common::layouts::layout;
use crate::common::same_bits;
use crate::tools::{checkpoint, NAME};
use lowbit::safetensors::{Method, Model};
use lowbit::Error;
use serde_json::{json, Value};
use std::path::PathBuf;

/// A directory that is gone when the test is.
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
    assert!(matches!(directory.open(), Err(Error::InTensor { .. })));
    directory.write("config.json", file.config.to_string());
    directory.write("model.safetensors", file.bytes());
    let model = directory.open().unwrap();
    assert_eq!(model.method(), Method::Gptq);
    let linear = model.linear(NAME).unwrap();
    same_bits(&case.as_tool(&linear.dequantize()), &case.dequantized).unwrap();

    // The file alone has no configuration; what describes itself is read.
    let alone = Model::open(directory.0.join("model.safetensors")).unwrap();
    assert_eq!(alone.method(), Method::Plain);
    assert_eq!(alone.tensors().len(), model.tensors().len());

    // A file that shrank since it was opened.
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
        let name = format!(
            "model-{:05}-of-{:05}.safetensors",
            i + 1,
            file.tensors.len()
        );
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

    // The same from bytes; one of them twice is a tensor twice.
    let borrowed: Vec<(&str, &[u8])> = parts.iter().map(|(n, b)| (&n[..], &b[..])).collect();
    let config = file.config.to_string();
    let model = Model::from_parts(&config, &borrowed).unwrap();
    assert_eq!(model.linear(NAME).unwrap(), linear);
    let twice = [&borrowed[..], &borrowed[..1]].concat();
    let error = Model::from_parts(&config, &twice).unwrap_err();
    assert!(
        matches!(error, Error::Duplicate { first: 0, .. }),
        "{error}"
    );

    // Indices that lie: a tensor elsewhere, a file elsewhere, a file that is not there, no map.
    let mut wrong = map.clone();
    wrong["nowhere"] = map[&file.tensors[0].0].clone();
    directory.write("model.safetensors.index.json", index(&wrong));
    let error = directory.open().unwrap_err().to_string();
    assert!(
        error.contains("nowhere") && error.contains("none"),
        "{error}"
    );
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

/// ModelOpt's first checkpoints had their settings in a file of their own.
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

//! Small checkpoints as the original tools save them: whole folders; each layer is compared with the tool's own values.
#![cfg(feature = "safetensors")]

mod common;
#[path = "checkpoints/expected.rs"]
mod expected;

use expected::Expected;
use lowbit::safetensors::Model;
use std::path::{Path, PathBuf};

/// The folders of `tests/checkpoints` that hold `file`, sorted.
fn folders(file: &str) -> Vec<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkpoints");
    let entries = std::fs::read_dir(&all).unwrap();
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.join(file).exists());
    found.sort();
    assert!(!found.is_empty(), "no {file} under {}", all.display());
    found
}

/// Calls `check` for each folder and reports all that fail.
fn each(file: &str, check: impl Fn(&Path) -> Result<(), String>) {
    let failed = folders(file).into_iter().filter_map(|folder| {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        Some(format!("{name}: {}", check(&folder).err()?))
    });
    let failed: Vec<_> = failed.collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

#[test]
fn every_layer_is_the_tools() {
    each("expected.safetensors", |folder| {
        let expected = Expected::read(&folder.join("expected.safetensors"));
        let model = Model::open(folder).map_err(|e| e.to_string())?;
        expected.compare(&model)
    });
}

/// `refused.txt`: each line must occur in the error from opening the folder or one of its layers.
#[test]
fn what_is_not_read_is_refused_by_name() {
    each("refused.txt", |folder| {
        let lines = std::fs::read_to_string(folder.join("refused.txt")).unwrap();
        let message = match Model::open(folder) {
            Err(e) => e.to_string(),
            Ok(model) => {
                let mut layers = model.linears().into_iter();
                let error = layers.find_map(|name| model.linear(&name).err());
                error.ok_or("every listed layer was read")?.to_string()
            }
        };
        match lines.lines().find(|line| !message.contains(line)) {
            Some(line) => Err(format!("should say {line:?}, says {message:?}")),
            None => Ok(()),
        }
    });
}

/// A method without a checkpoint, here or written in tests/safetensors, fails this test.
#[test]
fn every_method_has_a_checkpoint() {
    let folder = std::env::temp_dir().join(format!("lowbit-unknown-method-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let config = r#"{ "quantization_config": { "quant_method": "none such" } }"#;
    std::fs::write(folder.join("config.json"), config).unwrap();
    // A header without tensors.
    std::fs::write(folder.join("model.safetensors"), b"\x02\0\0\0\0\0\0\0{}").unwrap();
    let message = Model::open(&folder).map(|_| ()).unwrap_err().to_string();
    std::fs::remove_dir_all(&folder).unwrap();
    let known: Vec<_> = message.split_once("known: ").unwrap().1.split(", ").collect();
    assert!(known.len() >= 15, "{message}");

    let mut texts = String::new();
    for folder in folders("config.json") {
        texts += &std::fs::read_to_string(folder.join("config.json")).unwrap();
    }
    let written = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/safetensors");
    for file in std::fs::read_dir(written).unwrap() {
        texts += &std::fs::read_to_string(file.unwrap().path()).unwrap();
    }
    for method in known {
        assert!(
            texts.contains(&format!("\"{method}\"")),
            "no checkpoint of {method:?}: add a folder that the tool saved to tests/checkpoints"
        );
    }
}

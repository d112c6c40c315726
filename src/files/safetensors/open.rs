//! A model's files on disk: configuration, index, shards.

use super::source::{io, Source};
use super::tensors::short;
use super::Model;
use crate::{Error, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const INDEX: &str = "model.safetensors.index.json";

impl Model<'static> {
    /// Opens a model: a directory with `config.json` and `model.safetensors`, or the shards that
    /// `model.safetensors.index.json` lists, or one `.safetensors` file, which has no configuration.
    ///
    /// Headers are read now and each tensor when it is asked for: a model is never in memory as a
    /// whole. Files must not change meanwhile.
    ///
    /// # Errors
    /// Those of [`from_parts`](Model::from_parts), and [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Model<'static>> {
        let path = path.as_ref();
        if !path.is_dir() {
            return Model::new(&Value::Null, vec![source(path.to_owned())]);
        }
        let config = config(path)?;
        let index = path.join(INDEX);
        if !index.exists() {
            return Model::new(&config, vec![source(path.join("model.safetensors"))]);
        }
        let shards = shards(&index)?;
        let mut files: Vec<&String> = shards.values().collect();
        files.sort();
        files.dedup();
        let files = files.into_iter().map(|file| source(path.join(file)));
        let model = Model::new(&config, files.collect())?;
        for (tensor, file) in &shards {
            let found = model.tensors.info(tensor);
            let found = found.map(|info| model.tensors.file_of(info));
            if found != Some(file.as_str()) {
                return Err(Error::File {
                    at: INDEX.into(),
                    what: format!("the file of {:?}", short(tensor)),
                    expected: found.unwrap_or("none").into(),
                    got: short(file),
                });
            }
        }
        Ok(model)
    }
}

fn source(path: PathBuf) -> Source<'static> {
    let name = path.file_name().unwrap_or_default();
    Source::Path {
        name: name.to_string_lossy().into_owned(),
        path,
    }
}

fn json(path: &Path) -> Result<Value> {
    let text = std::fs::read(path).map_err(|e| io("reading a file", path, e))?;
    parse(
        &path.file_name().unwrap_or_default().to_string_lossy(),
        &text,
    )
}

/// JSON, named by its file where it is none.
pub(super) fn parse(name: &str, text: &[u8]) -> Result<Value> {
    serde_json::from_slice(text).map_err(|e| Error::File {
        at: name.into(),
        what: "the text".into(),
        expected: "JSON".into(),
        got: e.to_string(),
    })
}

/// `config.json`, with the `hf_quant_config.json` that ModelOpt wrote beside it at first.
fn config(path: &Path) -> Result<Value> {
    let file = path.join("config.json");
    let mut config = match file.exists() {
        true => json(&file)?,
        false => Value::Object(Default::default()),
    };
    let other = path.join("hf_quant_config.json");
    if config["quantization_config"].is_null() && other.exists() {
        let mut quantization = json(&other)?["quantization"].take();
        if let (Some(all), Some(own)) = (config.as_object_mut(), quantization.as_object_mut()) {
            own.insert("quant_method".into(), "modelopt".into());
            all.insert("quantization_config".into(), quantization);
        }
    }
    Ok(config)
}

/// Which file each tensor is in. Only files beside the index are taken.
fn shards(index: &Path) -> Result<BTreeMap<String, String>> {
    let wrong = |what: String, expected: &str, got: String| Error::File {
        at: INDEX.into(),
        what,
        expected: expected.into(),
        got,
    };
    let index = json(index)?;
    let Some(map) = index["weight_map"].as_object() else {
        let got = short(&index["weight_map"].to_string());
        return Err(wrong("weight_map".into(), "an object", got));
    };
    let file = |(tensor, file): (&String, &Value)| match file.as_str() {
        Some(name) if Path::new(name).file_name() == Some(name.as_ref()) => {
            Ok((tensor.clone(), name.to_owned()))
        }
        _ => {
            let what = format!("the file of {:?}", short(tensor));
            Err(wrong(what, "a file name", short(&file.to_string())))
        }
    };
    map.iter().map(file).collect()
}

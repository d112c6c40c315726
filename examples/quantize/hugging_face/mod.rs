//! Converts a Hugging Face folder to the GGUF file that llama.cpp's converter (convert_hf_to_gguf.py) makes of it, for
//! llama, mistral, mixtral, qwen2, qwen3 and qwen3_moe. Other architectures are out of scope: the error names them.

pub mod bert;
mod family;
mod general;
mod json;
mod keys;
mod rope;
mod tensors;
mod tokenizer;

use crate::model::{Fallible, Tensor};
use crate::source::Sourced;
use family::Family;
use lowbit::gguf::Value;
use std::path::Path;

/// A converted folder.
pub struct Converted<'a> {
    pub metadata: Vec<(String, Value)>,
    pub tensors: Vec<Sourced<'a>>,
    /// Notes for the user.
    pub notes: Vec<String>,
}

/// Keys of one architecture.
pub struct Keys {
    architecture: &'static str,
    all: Vec<(String, Value)>,
}

impl Keys {
    fn new(architecture: &'static str) -> Keys {
        let first = ("general.architecture".to_owned(), architecture.into());
        Keys {
            architecture,
            all: vec![first],
        }
    }

    /// Adds a key by its full name.
    fn whole(&mut self, key: &str, value: impl Into<Value>) {
        self.all.push((key.to_owned(), value.into()));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.whole(&format!("{}.{key}", self.architecture), value);
    }

    fn float(&mut self, key: &str, value: f64) {
        self.whole(&format!("{}.{key}", self.architecture), value as f32);
    }

    fn count(&mut self, key: &str, value: u64) -> Fallible<()> {
        let small = u32::try_from(value).map_err(|_| format!("{key} should fit 32 bits, got {value}"))?;
        self.whole(&format!("{}.{key}", self.architecture), small);
        Ok(())
    }
}

/// The folder's model. `skip_pre` says that the caller names the pre-tokenizer.
pub fn convert<'a>(folder: &Path, tensors: Vec<Tensor<'a>>, skip_pre: bool) -> Fallible<Converted<'a>> {
    let Some(config) = json::read(folder, "config.json")? else {
        return Err(format!(
            "{}: there is no config.json next to the weights, so their architecture is unknown; convert the \
             model with llama.cpp's convert_hf_to_gguf.py first, and quantize the GGUF file that it writes",
            folder.display()
        )
        .into());
    };
    plain(folder, &config)?;
    if config["model_type"] == "bert" {
        return bert::convert(&config, tensors);
    }
    let family = Family::of(&config)?;
    let mut keys = Keys::new(family.name);
    let mut notes = Vec::new();
    general::add(&mut keys, folder, &config)?;
    let shape = keys::add(&mut keys, family, &config)?;
    notes.extend(keys::notes(family, &config));
    notes.extend(shape.rope.note.clone());
    notes.extend(tokenizer::add(&mut keys, family, folder, &shape, &config, skip_pre)?);
    let tensors = tensors::convert(family, &shape, tensors)?;
    Ok(Converted {
        metadata: keys.all,
        tensors,
        notes,
    })
}

/// Fails where a file or setting says that the weights are packed. Layers that lowbit recognises were refused before.
fn plain(folder: &Path, config: &serde_json::Value) -> Fallible<()> {
    const FILES: [&str; 4] = [
        "quantize_config.json",
        "quant_config.json",
        "hf_quant_config.json",
        "quanto_qmap.json",
    ];
    const SETTINGS: [&str; 3] = ["quantization_config", "quantization", "compression_config"];
    let file = FILES.into_iter().find(|name| folder.join(name).exists());
    let setting = SETTINGS.into_iter().find(|name| !config[name].is_null());
    let method = config["quantization_config"]["quant_method"].as_str();
    match (file, setting) {
        (None, None) => Ok(()),
        (Some(file), _) => Err(format!("{file} says that the weights are packed; this takes plain weights").into()),
        (_, Some(setting)) => Err(format!(
            "{setting} of config.json says that the weights are packed ({}); this takes plain weights",
            method.unwrap_or("no quant_method")
        )
        .into()),
    }
}

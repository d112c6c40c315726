//! The name of the model, and its sampling defaults.

use super::{Keys, json};
use crate::model::Fallible;
use serde_json::Value;
use std::path::Path;

pub fn add(keys: &mut Keys, folder: &Path, config: &Value) -> Fallible<()> {
    keys.whole("general.type", "model");
    let generation = json::read(folder, "generation_config.json")?.unwrap_or_default();
    if let Some(k) = generation["top_k"].as_i64() {
        keys.whole("general.sampling.top_k", i32::try_from(k)?);
    }
    for (name, key) in [("top_p", "top_p"), ("min_p", "min_p"), ("temperature", "temp")] {
        if let Some(value) = generation[name].as_f64() {
            keys.whole(&format!("general.sampling.{key}"), value as f32);
        }
    }
    // An owner and a name; more slashes mean a local path.
    let said = config["_name_or_path"]
        .as_str()
        .filter(|path| path.matches('/').count() <= 1);
    let said = said
        .and_then(|path| path.rsplit('/').next())
        .filter(|name| !name.is_empty());
    let absolute = folder.canonicalize()?;
    let own = absolute.file_name().map(|name| name.to_string_lossy().into_owned());
    if let Some(name) = said.map(str::to_owned).or(own) {
        keys.whole("general.name", title(&name));
    }
    Ok(())
}

/// Words between hyphens, capitalized unless they are versions or already have capitals.
fn title(name: &str) -> String {
    let word = |word: &str| {
        let version = word
            .strip_prefix('v')
            .unwrap_or(word)
            .starts_with(|c: char| c.is_ascii_digit());
        if version || word.chars().any(char::is_uppercase) {
            return word.to_owned();
        }
        let mut after_letter = false;
        let capital = |c: char| {
            let upper = c.is_alphabetic() && !after_letter;
            after_letter = c.is_alphabetic();
            if upper { c.to_ascii_uppercase() } else { c }
        };
        word.chars().map(capital).collect()
    };
    let words = name.split(['-', ' ']).filter(|word| !word.is_empty());
    words.map(word).collect::<Vec<String>>().join(" ")
}

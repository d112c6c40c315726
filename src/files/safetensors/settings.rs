//! What a model's configuration says of how it was quantized, wherever its tool wrote it.

use super::json;
use super::source::small;
use crate::Result;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::path::Path;

/// A larger configuration is refused: what is kept of it may take many times its text.
const MAX_CONFIG: u64 = 1 << 24;

/// Parts of a configuration within each other.
const MAX_DEPTH: usize = 4;

/// What tools call their part of `config.json`. MLX writes its own under its own name, and may leave that of
/// the model which it started from.
const PLACES: [&str; 3] = ["quantization", "quantization_config", "compression_config"];

/// Files that tools write in place of a part of `config.json`, and the method where they name none.
const FILES: [(&str, Option<&str>); 5] = [
    // ModelOpt, at first.
    ("hf_quant_config.json", Some("modelopt")),
    // AutoGPTQ, GPTQModel.
    ("quantize_config.json", Some("gptq")),
    // AutoAWQ, at first.
    ("quant_config.json", Some("awq")),
    ("quantization_config.json", None),
    ("quanto_qmap.json", Some("quanto")),
];

/// The parts of a configuration's text that say how the model was quantized. The rest may be anything.
pub(super) fn of_text(text: &[u8]) -> Result<Value> {
    let text = json::strict(text);
    let wrong = |e: serde_json::Error| json::wrong("config.json", &e);
    let all: &RawValue = serde_json::from_slice(&text).map_err(wrong)?;
    parts(all, MAX_DEPTH).map(Value::Object).map_err(wrong)
}

fn parts(text: &RawValue, depth: usize) -> serde_json::Result<Map<String, Value>> {
    let mut kept = Map::new();
    if !text.get().starts_with('{') {
        return Ok(kept);
    }
    for (key, value) in json::entries(text.get().as_bytes())? {
        // A later entry of the same key counts, as in Python.
        if PLACES.contains(&&key[..]) {
            kept.insert(key, serde_json::from_str(value.get())?);
        } else if depth > 0 && key.ends_with("_config") {
            let inner = parts(value, depth - 1)?;
            if inner.is_empty() {
                kept.remove(&key)
            } else {
                kept.insert(key, Value::Object(inner))
            };
        }
    }
    Ok(kept)
}

/// The settings of a folder: those of `config.json`, or of the file that its tool wrote beside it.
pub(super) fn of_folder(folder: &Path) -> Result<Value> {
    let read = |name: &str| small(&folder.join(name), MAX_CONFIG);
    let there = |name: &str| folder.join(name).exists();
    let config = if there("config.json") {
        of_text(&read("config.json")?)?
    } else {
        Value::Object(Map::new())
    };
    if find(&config).is_some() {
        return Ok(config);
    }
    let Some((name, method)) = FILES.into_iter().find(|(name, _)| there(name)) else {
        return Ok(config);
    };
    // Its entries are a map of layers, which describe themselves.
    let mut settings = match name {
        "quanto_qmap.json" => Value::Object(Map::new()),
        name => json::parse(name, &read(name)?)?,
    };
    if name == "hf_quant_config.json" {
        settings = settings["quantization"].take();
    }
    let Some(own) = settings.as_object_mut() else {
        return Ok(config);
    };
    if let (Some(method), None | Some(Value::Null)) = (method, own.get("quant_method")) {
        own.insert("quant_method".into(), method.into());
    }
    Ok(serde_json::json!({ "quantization_config": settings }))
}

/// The part of a configuration that says how the model was quantized, its own or that of a model within it. It
/// has a `quant_method`, where one can be told.
pub(super) fn find(config: &Value) -> Option<Value> {
    let own = PLACES.iter().find_map(|&place| said(place, &config[place]));
    let inner = || {
        let inner = config.as_object()?.iter();
        let mut inner = inner.filter(|(key, _)| !PLACES.contains(&&key[..]));
        inner.find_map(|(_, part)| find(part))
    };
    own.or_else(inner)
}

fn said(place: &str, part: &Value) -> Option<Value> {
    let Value::Object(settings) = part else {
        // What is neither an object nor nothing is refused as a method without a name.
        return (place == "quantization_config" && !part.is_null()).then(|| part.clone());
    };
    let mut settings = settings.clone();
    let has = |key: &str| settings.get(key).is_some_and(|value| !value.is_null());
    if place == "compression_config" && !has("config_groups") {
        // At first the settings were one deeper.
        if let Some(Value::Object(inner)) = settings.get("quantization_config").cloned() {
            settings.extend(inner);
        }
    }
    let has = |key: &str| settings.get(key).is_some_and(|value| !value.is_null());
    let method = match place {
        _ if has("quant_method") => None,
        "compression_config" => Some("compressed-tensors"),
        // Of before there was a `quant_method`.
        _ if has("load_in_4bit") || has("load_in_8bit") => Some("bitsandbytes"),
        _ if has("config_groups") => Some("compressed-tensors"),
        _ if has("w_bit") => Some("awq"),
        // MLX never names itself.
        _ if settings.get("bits").is_some_and(Value::is_number) => Some("mlx"),
        _ => None,
    };
    match (place, method) {
        // Others have other things of this name.
        ("quantization", method) if method != Some("mlx") => None,
        _ if settings.is_empty() => None,
        (_, Some(method)) => {
            settings.insert("quant_method".into(), method.into());
            Some(Value::Object(settings))
        }
        (_, None) => Some(Value::Object(settings)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<Value> {
        find(&of_text(text.as_bytes()).unwrap())
    }

    #[test]
    fn settings_are_found_in_all_places() {
        for (text, method) in [
            (
                r#"{"quantization_config": {"quant_method": "gptq", "bits": 4}}"#,
                "gptq",
            ),
            (
                r#"{"a": [NaN], "text_config": {"quantization_config": {"quant_method": "fp8"}}}"#,
                "fp8",
            ),
            (
                r#"{"thinker_config": {"text_config": {"quantization_config": {"load_in_8bit": true}}}}"#,
                "bitsandbytes",
            ),
            (
                r#"{"quantization": {"bits": 4, "group_size": 64}, "quantization_config": {"quant_method": "fp8"}}"#,
                "mlx",
            ),
            (r#"{"quantization_config": {"bits": 4, "group_size": 64}}"#, "mlx"),
            (r#"{"quantization_config": {"w_bit": 4, "q_group_size": 64}}"#, "awq"),
            (r#"{"compression_config": {"config_groups": {}}}"#, "compressed-tensors"),
            (
                r#"{"quantization_config": {}, "compression_config": {"quantization_config": {"config_groups": {}}}}"#,
                "compressed-tensors",
            ),
        ] {
            assert_eq!(found(text).unwrap()["quant_method"], method, "{text}");
        }
        for text in [
            "{}",
            "null",
            "[]",
            "3",
            r#"{"quantization": {"quant_method": "x"}, "quantization_config": null}"#,
        ] {
            assert_eq!(found(text), None, "{text}");
        }
        assert_eq!(found(r#"{"quantization_config": "gptq"}"#), Some(Value::from("gptq")));
        assert!(of_text(b"{\"a\": }").is_err());
    }
}

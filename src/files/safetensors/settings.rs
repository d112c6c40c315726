//! The settings of a model's quantization, wherever its tool wrote them.

use super::json;
use super::source::small;
use crate::Result;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::path::Path;

/// The limit of a configuration, in bytes: decoded JSON takes many times the memory of its text.
const MAX_CONFIG: u64 = 1 << 24;

/// The depth to which configurations nest.
const MAX_DEPTH: usize = 4;

/// The keys of quantization settings in `config.json`. MLX uses its own key, and can leave the settings of the original
/// model in place.
const PLACES: [&str; 3] = ["quantization", "quantization_config", "compression_config"];

/// Files that tools write in place of a part of `config.json`, and the method if the file names none.
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

/// The quantization settings in the text of a configuration. The rest is ignored.
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
        // Of equal keys the last one counts, as in Python.
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

/// The settings of a folder: those of `config.json`, or of the file that the tool wrote in its place.
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
    // The file maps layers, which describe themselves.
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

/// The quantization settings of a configuration, or of a model nested in it, with a `quant_method` if one can be
/// inferred.
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
        // Anything but an object or null is refused later as a method without a name.
        return (place == "quantization_config" && !part.is_null()).then(|| part.clone());
    };
    let mut settings = settings.clone();
    let has = |key: &str| settings.get(key).is_some_and(|value| !value.is_null());
    if place == "compression_config" && !has("config_groups") {
        // Early versions nest the settings one level deeper.
        if let Some(Value::Object(inner)) = settings.get("quantization_config").cloned() {
            settings.extend(inner);
        }
    }
    let has = |key: &str| settings.get(key).is_some_and(|value| !value.is_null());
    let method = match place {
        _ if has("quant_method") => None,
        "compression_config" => Some("compressed-tensors"),
        // Files from before `quant_method` existed.
        _ if has("load_in_4bit") || has("load_in_8bit") => Some("bitsandbytes"),
        _ if has("config_groups") => Some("compressed-tensors"),
        _ if has("w_bit") => Some("awq"),
        // MLX writes no method.
        _ if settings.get("bits").is_some_and(Value::is_number) => Some("mlx"),
        _ => None,
    };
    match (place, method) {
        // Other tools use this key for other settings.
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

//! How text is cut into words before it is merged. llama.cpp knows each way by a name, which its converter finds by
//! the tokens that a text becomes; here it is found by what `tokenizer.json` says, so that a model of any vocabulary is
//! known by it.

use crate::model::Fallible;
use serde_json::Value;

/// A regular expression alone, and its name.
const EXPRESSIONS: &[(&str, &str)] = &[
    (
        "llama-bpe",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    (
        "qwen2",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    (
        "qwen35",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    (
        "tekken",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    (
        "gpt-4o",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
];

/// The name of llama.cpp for the steps of `pre_tokenizer`.
pub fn name(tokenizer: &Value) -> Fallible<&'static str> {
    let whole = &tokenizer["pre_tokenizer"];
    let steps = match whole["pretokenizers"].as_array() {
        Some(steps) => &steps[..],
        None => std::slice::from_ref(whole),
    };
    let found = match steps {
        [bytes] if is_bytes(bytes, true) => Some("gpt-2"),
        [split, bytes] if split["type"] == "Split" && is_bytes(bytes, false) => {
            let isolated = split["behavior"] == "Isolated" || split["behavior"] == "Removed" && split["invert"] == true;
            let expression = split["pattern"]["Regex"].as_str().filter(|_| isolated);
            let same = |(_, known): &&(&str, &str)| Some(*known) == expression;
            EXPRESSIONS.iter().find(same).map(|(name, _)| *name)
        }
        [digits, bytes] if digits["type"] == "Digits" && is_bytes(bytes, true) => {
            (digits["individual_digits"] == true).then_some("smollm")
        }
        _ => None,
    };
    found.ok_or_else(|| {
        format!(
            "tokenizer.json: its pre_tokenizer is none that lowbit knows llama.cpp's name for. Convert the folder with \
             llama.cpp's convert_hf_to_gguf.py, or name it with --override-kv tokenizer.ggml.pre=str:NAME. It is \
             {whole:.300}"
        )
        .into()
    })
}

/// A step that makes characters of bytes, and cuts by GPT-2's expression or not.
fn is_bytes(step: &Value, cuts: bool) -> bool {
    step["type"] == "ByteLevel" && step["use_regex"].as_bool().unwrap_or(true) == cuts
}

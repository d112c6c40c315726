//! How text is split into words before merging. llama.cpp has a name for each pre-tokenizer, which its converter finds
//! by the tokens of a test text; here it is found by the settings in `tokenizer.json`, so that it works for any
//! vocabulary.

use crate::model::Fallible;
use serde_json::Value;

/// Names, each with its regular expression.
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

/// llama.cpp's name for the steps of `pre_tokenizer`.
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
            "tokenizer.json: lowbit does not know llama.cpp's name for its pre_tokenizer. Convert the folder with \
             llama.cpp's convert_hf_to_gguf.py, or name it with --override-kv tokenizer.ggml.pre=str:NAME. It is \
             {whole:.300}"
        )
        .into()
    })
}

/// Whether a step maps bytes to characters, and splits by GPT-2's expression or not, as `cuts` says.
fn is_bytes(step: &Value, cuts: bool) -> bool {
    step["type"] == "ByteLevel" && step["use_regex"].as_bool().unwrap_or(true) == cuts
}

//! Pieces with scores: a SentencePiece model, or a `tokenizer.json` that was made from one.

use super::protobuf::{Field, Fields};
use super::{Token, added, kind};
use crate::hugging_face::json;
use crate::model::Fallible;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// The score of added tokens, and of those whose scores are unknown.
const ADDED: f32 = -1000.0;

/// The tokens of `tokenizer.model`, and those added in the files next to it.
pub fn of_model(path: &Path, folder: &Path, settings: &Value, vocabulary: Option<u64>) -> Fallible<Vec<Token>> {
    let named = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let bytes = std::fs::read(path).map_err(|e| named(&e))?;
    let mut tokens = Vec::new();
    for field in Fields(&bytes) {
        if let (1, Field::Bytes(piece)) = field.map_err(|e| named(&e))? {
            tokens.push(read(piece).map_err(|e| named(&e))?);
        }
    }
    let count = match vocabulary {
        Some(count) => usize::try_from(count)?,
        None => tokens.len(),
    };
    tokens.truncate(count);
    tokens.extend((tokens.len()..count).map(Token::padding));

    let beside = json::read(folder, "added_tokens.json")?.unwrap_or_default();
    for (text, id) in beside.as_object().into_iter().flatten() {
        if let Some(token) = at(&mut tokens, id.as_u64()) {
            *token = Token {
                text: text.clone(),
                score: ADDED,
                kind: kind::USER_DEFINED,
            };
        }
    }
    let decoder = settings["added_tokens_decoder"].as_object();
    for (id, entry) in decoder.into_iter().flatten() {
        let content = json::content(entry).unwrap_or_default();
        if let Some(token) = at(&mut tokens, id.parse().ok()) {
            let (text, kind) = added(content, entry["special"] == true);
            *token = Token {
                text,
                score: ADDED,
                kind,
            };
        }
    }
    Ok(tokens)
}

fn at(tokens: &mut [Token], id: Option<u64>) -> Option<&mut Token> {
    tokens.get_mut(usize::try_from(id?).ok()?)
}

/// One piece of a SentencePiece model.
fn read(piece: &[u8]) -> Result<Token, String> {
    let mut token = Token {
        text: String::new(),
        score: 0.0,
        kind: kind::NORMAL,
    };
    for field in Fields(piece) {
        match field? {
            (1, Field::Bytes(text)) => {
                let text = std::str::from_utf8(text);
                text.map_err(|e| e.to_string())?.clone_into(&mut token.text);
            }
            (2, Field::Fixed32(score)) => token.score = f32::from_le_bytes(score),
            // llama.cpp treats user-defined pieces as normal ones.
            (3, Field::Number(4)) => token.kind = kind::NORMAL,
            (3, Field::Number(kind)) => token.kind = i32::try_from(kind).unwrap_or(kind::NORMAL),
            _ => {}
        }
    }
    Ok(token)
}

/// Whether a `tokenizer.json` was made from a SentencePiece model: BPE with byte fallback.
pub fn are_in(tokenizer: &Value) -> bool {
    let model = &tokenizer["model"];
    model["type"] == "BPE" && model["byte_fallback"] == true && tokenizer["decoder"]["type"] == "Sequence"
}

/// The pieces of such a file, which has no scores.
pub fn of_json(tokenizer: &Value, settings: &Value, vocabulary: Option<u64>) -> Fallible<Vec<Token>> {
    let vocab = tokenizer["model"]["vocab"].as_object();
    let vocab = vocab.ok_or("tokenizer.json: model.vocab should be an object")?;
    let special = special_tokens(settings);
    let mut tokens: Vec<Token> = (0..vocab.len()).map(Token::padding).collect();
    for (text, id) in vocab {
        let count = vocab.len();
        let token = at(&mut tokens, id.as_u64())
            .ok_or_else(|| format!("tokenizer.json: the id of {text:?} should be under {count}, got {id}"))?;
        let kind = if is_byte(text) {
            kind::BYTE
        } else if special.contains(&text[..]) {
            kind::CONTROL
        } else {
            kind::NORMAL
        };
        *token = Token {
            text: text.clone(),
            score: ADDED,
            kind,
        };
    }
    let more = tokenizer["added_tokens"].as_array();
    for entry in more.into_iter().flatten() {
        let content = json::content(entry).unwrap_or_default();
        if entry["id"].as_u64() != Some(tokens.len() as u64) {
            continue;
        }
        let kind = if special.contains(content) {
            kind::CONTROL
        } else {
            kind::USER_DEFINED
        };
        tokens.push(Token {
            text: content.to_owned(),
            score: ADDED,
            kind,
        });
    }
    let count = usize::try_from(vocabulary.unwrap_or(0))?;
    tokens.extend((tokens.len()..count).map(Token::padding));
    Ok(tokens)
}

/// `<0x0A>`
fn is_byte(text: &str) -> bool {
    let digits = text.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
    digits.is_some_and(|d| d.len() == 2 && d.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Tokens with a role in the settings; the defaults are those of Llama.
fn special_tokens(settings: &Value) -> BTreeSet<&str> {
    let roles = [("bos", "<s>"), ("eos", "</s>"), ("unk", "<unk>")];
    let defaults = roles
        .iter()
        .filter_map(|(role, token)| match &settings[format!("{role}_token")] {
            Value::Null => Some(*token),
            other => json::content(other),
        });
    let others = ["sep", "pad", "cls", "mask"];
    let others = others
        .iter()
        .filter_map(|role| json::content(&settings[format!("{role}_token")]));
    let lists = ["additional_special_tokens", "extra_special_tokens"];
    let lists = lists.iter().filter_map(|name| settings[name].as_array());
    let listed = lists.flatten().filter_map(json::content);
    defaults.chain(others).chain(listed).collect()
}

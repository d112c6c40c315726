//! Byte-level BPE, as in GPT-2: `tokenizer.json` has the tokens and their merges.

use super::{Token, added, kind};
use crate::hugging_face::json;
use crate::model::Fallible;
use serde_json::Value;

pub fn tokens(tokenizer: &Value, vocabulary: Option<u64>) -> Fallible<Vec<Token>> {
    let vocab = tokenizer["model"]["vocab"].as_object();
    let kind = &tokenizer["model"]["type"];
    let vocab = vocab.filter(|_| kind == "BPE").ok_or_else(|| {
        format!("tokenizer.json: model should be of type BPE with a vocab, got type {kind}; llama.cpp's converter may know it")
    })?;
    let more = tokenizer["added_tokens"].as_array().into_iter().flatten();
    let mut all = Vec::new();
    for (text, id) in vocab {
        all.push((id.as_u64(), text.clone(), kind::NORMAL));
    }
    for entry in more {
        let content = json::content(entry).unwrap_or_default();
        let (text, kind) = added(content, entry["special"] == true);
        all.push((entry["id"].as_u64(), text, kind));
    }
    let most = all
        .iter()
        .filter_map(|(id, ..)| *id)
        .max()
        .map_or(0, |id| id.saturating_add(1));
    let count = vocabulary.unwrap_or(all.len() as u64);
    if most > count {
        return Err(format!(
            "tokenizer.json: ids should be under vocab_size, {count}, got {}",
            most - 1
        )
        .into());
    }
    let mut tokens: Vec<Token> = (0..usize::try_from(count)?).map(Token::padding).collect();
    for (id, text, kind) in all {
        let token = id.and_then(|id| tokens.get_mut(usize::try_from(id).ok()?));
        let token = token.ok_or_else(|| format!("tokenizer.json: {text:?} has no id"))?;
        *token = Token { text, score: 0.0, kind };
    }
    Ok(tokens)
}

/// Pairs, as one string with a space between or as two strings, whose own spaces become the byte-level space U+0120.
pub fn merges(tokenizer: &Value) -> Fallible<Vec<String>> {
    let merges = tokenizer["model"]["merges"].as_array();
    let merges = merges.filter(|merges| !merges.is_empty());
    let merges = merges.ok_or("tokenizer.json: model.merges should be a list of pairs, got none")?;
    let pair = |merge: &Value| match (merge.as_str(), &merge.as_array().map(|pair| &pair[..])) {
        (Some(text), _) => Some(text.to_owned()),
        (None, Some([a, b])) => {
            let part = |part: &Value| Some(part.as_str()?.replace(' ', "\u{120}"));
            Some(format!("{} {}", part(a)?, part(b)?))
        }
        _ => None,
    };
    let wrong = |merge: &Value| format!("tokenizer.json: a merge should be a pair of texts, got {merge}");
    merges
        .iter()
        .map(|merge| pair(merge).ok_or_else(|| wrong(merge).into()))
        .collect()
}

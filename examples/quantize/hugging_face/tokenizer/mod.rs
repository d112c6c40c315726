//! The tokenizer of a folder as llama.cpp's keys: pieces with scores (SentencePiece), or byte-level BPE with merges.

mod byte_level;
mod pieces;
mod pre;
mod protobuf;
mod special;

use super::family::Family;
use super::keys::Shape;
use super::{Keys, json};
use crate::model::Fallible;
use serde_json::Value;
use special::Special;
use std::path::Path;

/// GGUF's token types, which SentencePiece shares; 2 is the unknown token.
mod kind {
    pub const NORMAL: i32 = 1;
    pub const CONTROL: i32 = 3;
    pub const USER_DEFINED: i32 = 4;
    pub const UNUSED: i32 = 5;
    pub const BYTE: i32 = 6;
}

/// A token, its score and its kind.
struct Token {
    text: String,
    score: f32,
    kind: i32,
}

impl Token {
    /// A token for a row of the embedding that the tokenizer has none for.
    fn padding(id: usize) -> Token {
        Token {
            text: format!("[PAD{id}]"),
            score: -10_000.0,
            kind: kind::UNUSED,
        }
    }
}

/// Adds the keys of the tokenizer; returns a note where there is none.
pub fn add(
    keys: &mut Keys,
    family: &Family,
    folder: &Path,
    shape: &Shape,
    config: &Value,
    skip_pre: bool,
) -> Fallible<Option<String>> {
    let settings = json::read(folder, "tokenizer_config.json")?.unwrap_or_default();
    let tokenizer = json::read(folder, "tokenizer.json")?;
    let mut special = Special::read(folder, config, &settings, tokenizer.as_ref())?;
    let model = folder.join("tokenizer.model");
    let with_pieces = if model.exists() {
        Some(pieces::of_model(&model, folder, &settings, shape.vocabulary)?)
    } else {
        let tokenizer = tokenizer
            .as_ref()
            .filter(|t| family.name == "llama" && pieces::are_in(t));
        tokenizer
            .map(|t| pieces::of_json(t, &settings, shape.vocabulary))
            .transpose()?
    };
    let space = settings["add_prefix_space"]
        .as_bool()
        .filter(|_| family.name == "llama");
    match (with_pieces, tokenizer) {
        (Some(tokens), _) => {
            add_space(keys, space);
            keys.whole("tokenizer.ggml.model", "llama");
            keys.whole("tokenizer.ggml.pre", "default");
            keys.whole(
                "tokenizer.ggml.scores",
                tokens.iter().map(|t| t.score).collect::<Vec<_>>(),
            );
            special.within(tokens.len());
            add_tokens(keys, tokens);
        }
        (None, Some(tokenizer)) => {
            add_space(keys, space);
            keys.whole("tokenizer.ggml.model", "gpt2");
            if !skip_pre {
                keys.whole("tokenizer.ggml.pre", pre::name(&tokenizer)?);
            }
            add_tokens(keys, byte_level::tokens(&tokenizer, shape.vocabulary)?);
            keys.whole("tokenizer.ggml.merges", byte_level::merges(&tokenizer)?);
        }
        (None, None) => {
            keys.whole("tokenizer.ggml.model", "no_vocab");
            return Ok(Some(format!(
                "{} has neither tokenizer.model nor tokenizer.json: the file gets no tokenizer, so llama.cpp \
                 runs it on token ids, but not on text.",
                folder.display()
            )));
        }
    }
    if family.name == "llama" {
        special.of_llama(shape.vocabulary);
    }
    special.add(keys);
    Ok(None)
}

fn add_space(keys: &mut Keys, space: Option<bool>) {
    if let Some(space) = space {
        keys.whole("tokenizer.ggml.add_space_prefix", space);
    }
}

fn add_tokens(keys: &mut Keys, tokens: Vec<Token>) {
    keys.whole(
        "tokenizer.ggml.token_type",
        tokens.iter().map(|t| t.kind).collect::<Vec<_>>(),
    );
    keys.whole(
        "tokenizer.ggml.tokens",
        tokens.into_iter().map(|t| t.text).collect::<Vec<_>>(),
    );
}

/// An added token: control tokens never match text, the others match literally.
fn added(content: &str, special: bool) -> (String, i32) {
    if special || looks_special(content) {
        (content.to_owned(), kind::CONTROL)
    } else {
        // A space is stored as it appears in text.
        (content.replace('\u{2581}', " "), kind::USER_DEFINED)
    }
}

/// Special tokens that some models do not mark as such.
fn looks_special(token: &str) -> bool {
    let between = |start: &str, end: &str| token.starts_with(start) && token.ends_with(end);
    ["<pad>", "<mask>", "<2mass>", "[@BOS@]"].contains(&token)
        || between("<|", "|>")
        || between("<\u{ff5c}", "\u{ff5c}>")
        || between("<unused", ">")
}

//! Texts to evaluate a model on, or to calibrate it on, as tokens.

use super::tokenizer::Tokenizer;
use crate::model::Fallible;
use std::path::Path;

/// The most bytes of a run of lines, unless one line is longer.
const RUN: usize = 1000;

/// Tokens of each text, starting with BOS.
#[derive(Clone, Default)]
pub struct Texts(pub Vec<Vec<u32>>);

impl Texts {
    /// Each of `texts`, cut to `length` tokens after BOS.
    pub fn of(tokenizer: &Tokenizer, texts: &[String], length: usize) -> Texts {
        let tokens = texts.iter().map(|text| {
            let mut tokens = tokenizer.encode(text);
            tokens.truncate(1 + length);
            tokens
        });
        Texts(tokens.filter(|tokens| tokens.len() > 1).collect())
    }

    /// The inputs of a model: all but the last token of each text.
    pub fn inputs(&self) -> Vec<&[u32]> {
        self.0.iter().map(|text| &text[..text.len() - 1]).collect()
    }

    /// The tokens to predict: all but the first of each text, one text after the other.
    pub fn targets(&self) -> Vec<u32> {
        self.0.iter().flat_map(|text| &text[1..]).copied().collect()
    }
}

/// The texts of a file: the field `text` of each line of `.jsonl`; otherwise runs of whole lines, of
/// about 1000 bytes or 250 tokens.
pub fn read_texts(path: &Path) -> Fallible<Vec<String>> {
    let named = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let all = std::fs::read_to_string(path).map_err(|e| named(&e))?;
    if path.extension().is_none_or(|e| e != "jsonl") {
        let mut texts = vec![String::new()];
        for line in all.split_inclusive('\n') {
            if texts.last().is_some_and(|text| text.len() + line.len() > RUN) {
                texts.push(String::new());
            }
            texts.last_mut().into_iter().for_each(|text| text.push_str(line));
        }
        return Ok(texts);
    }
    let texts = all.lines().enumerate().map(|(i, line)| {
        let record: serde_json::Value = serde_json::from_str(line)?;
        let text = record["text"].as_str().map(str::to_owned);
        text.ok_or_else(|| format!("line {}: no field \"text\"", i + 1).into())
    });
    Ok(texts.collect::<Fallible<_>>().map_err(|e| named(&e))?)
}

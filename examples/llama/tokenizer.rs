//! Text to tokens by scores (SentencePiece's BPE, as in llama2.c and llama.cpp): characters are merged into longer
//! pieces, the pair with the highest score first, the leftmost of equal ones.

use super::load::get;
use crate::model::{Fallible, Model};
use lowbit::gguf::{Array, Value};
use std::collections::{BinaryHeap, HashMap};

/// GGUF's token types.
const NORMAL: i32 = 1;
const BYTE: i32 = 6;

pub struct Tokenizer {
    /// Pieces of text, without the byte tokens: '.' must become its piece, not the byte 0x2E, which the
    /// model has never seen in its place.
    pieces: HashMap<String, u32>,
    scores: Vec<f32>,
    /// The token of each byte.
    bytes: Vec<u32>,
    begin: u32,
}

impl Tokenizer {
    /// The tokenizer of a GGUF file, which must have scores.
    pub fn load(model: &Model) -> Fallible<Tokenizer> {
        let kind = get(model, "tokenizer.ggml.model").and_then(Value::as_str);
        if kind != Some("llama") {
            let got = kind.unwrap_or("none");
            return Err(format!("the tokenizer should be \"llama\" (pieces with scores), got {got:?}").into());
        }
        let array = |key: &str| match get(model, key) {
            Some(Value::Array(array)) => Ok(array),
            _ => Err(format!("the file should have an array {key}")),
        };
        let (tokens, scores, kinds) = match (
            array("tokenizer.ggml.tokens")?,
            array("tokenizer.ggml.scores")?,
            array("tokenizer.ggml.token_type")?,
        ) {
            (Array::String(tokens), Array::F32(scores), Array::I32(kinds)) => (tokens, scores, kinds),
            _ => return Err("tokens, scores and kinds should be strings, floats and integers".into()),
        };
        if scores.len() != tokens.len() || kinds.len() != tokens.len() {
            let got = (scores.len(), kinds.len());
            let count = tokens.len();
            return Err(format!("{count} tokens have {} scores and {} kinds", got.0, got.1).into());
        }
        let mut pieces = HashMap::new();
        let mut bytes = vec![None; 256];
        for (id, (token, &kind)) in (0u32..).zip(tokens.iter().zip(kinds)) {
            if kind == NORMAL {
                pieces.entry(token.clone()).or_insert(id);
            } else if kind == BYTE {
                let byte = token.strip_prefix("<0x").and_then(|t| t.strip_suffix('>'));
                let byte = byte.and_then(|hex| u8::from_str_radix(hex, 16).ok());
                let byte = byte.ok_or_else(|| format!("a byte token should be <0x..>, got {token:?}"))?;
                bytes[byte as usize] = Some(id);
            }
        }
        let bytes: Option<Vec<u32>> = bytes.into_iter().collect();
        let begin = get(model, "tokenizer.ggml.bos_token_id").and_then(Value::as_u64);
        Ok(Tokenizer {
            pieces,
            scores: scores.clone(),
            bytes: bytes.ok_or("a token for each byte should be there")?,
            begin: u32::try_from(begin.unwrap_or(1))?,
        })
    }

    /// BOS, then the tokens of the text with a space before it.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let text = format!("\u{2581}{}", text.replace(' ', "\u{2581}"));
        // Pieces as (start, end), merged in place; an empty one was merged into the one before.
        let starts = text.char_indices().map(|(at, c)| (at, at + c.len_utf8()));
        let mut spans: Vec<(usize, usize)> = starts.collect();
        let mut next: Vec<usize> = (1..=spans.len()).collect();
        let mut before: Vec<usize> = (0..spans.len()).map(|i| i.wrapping_sub(1)).collect();
        let mut queue = BinaryHeap::new();
        let propose = |queue: &mut BinaryHeap<Pair>, spans: &[(usize, usize)], left: usize, right: usize| {
            if left < spans.len() && right < spans.len() {
                let (start, end) = (spans[left].0, spans[right].1);
                if let Some(&id) = self.pieces.get(&text[start..end]) {
                    let score = self.scores[id as usize];
                    queue.push(Pair {
                        score,
                        left,
                        right,
                        start,
                        end,
                    });
                }
            }
        };
        for left in 0..spans.len() {
            propose(&mut queue, &spans, left, left + 1);
        }
        while let Some(pair) = queue.pop() {
            let (left, right) = (pair.left, pair.right);
            // Outdated where either has since been merged with another.
            if spans[left].0 == spans[left].1
                || spans[right].0 == spans[right].1
                || (spans[left].0, spans[right].1) != (pair.start, pair.end)
                || next[left] != right
            {
                continue;
            }
            spans[left].1 = pair.end;
            spans[right].0 = spans[right].1;
            next[left] = next[right];
            if next[left] < spans.len() {
                before[next[left]] = left;
            }
            propose(&mut queue, &spans, before[left], left);
            propose(&mut queue, &spans, left, next[left]);
        }
        let mut tokens = vec![self.begin];
        for (start, end) in spans.into_iter().filter(|(start, end)| start < end) {
            let piece = &text[start..end];
            match self.pieces.get(piece) {
                Some(&id) => tokens.push(id),
                None => tokens.extend(piece.bytes().map(|byte| self.bytes[byte as usize])),
            }
        }
        tokens
    }
}

/// Two neighbours that could be merged.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    start: usize,
    end: usize,
}

impl Ord for Pair {
    fn cmp(&self, other: &Pair) -> std::cmp::Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Pair) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Pair) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Pair {}

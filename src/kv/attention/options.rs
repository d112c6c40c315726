//! The options of attention.

use crate::kv::{KvCodec, KvOptions, KvType};
use crate::reserve::within;
use crate::setters::setters;
use crate::{Error, Result};

/// What one layer's attention is: its heads, how its keys and values are packed, and what happens to scores.
///
/// Queries are rows of `q_heads` vectors, keys and values rows of `kv_heads`; query head h attends to key head
/// h · kv_heads / q_heads (grouped queries). Keys and queries have `keys.d` numbers, values `values.d`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct AttentionOptions {
    /// Heads of queries, a multiple of `kv_heads`.
    pub q_heads: usize,
    /// Heads of keys and of values.
    pub kv_heads: usize,
    /// How keys are packed.
    pub keys: KvOptions,
    /// How values are packed.
    pub values: KvOptions,
    /// Sequences that are cached one beside the other.
    pub sequences: usize,
    /// Tokens of a sequence that there is room for.
    pub capacity: usize,
    /// What scores ⟨q, k⟩ are multiplied by; 1 / √d by default.
    pub scale: f32,
    /// Tokens that a query sees, itself included; all up to itself by default.
    pub window: Option<usize>,
    /// c in c · tanh(score / c), after the scale; none by default. Gemma 2.
    pub soft_cap: Option<f32>,
    /// Whether each query head has a sink: one more score, which takes part in the softmax and has no value.
    pub sinks: bool,
}

setters!(AttentionOptions {
    with_keys: keys: KvOptions,
    with_values: values: KvOptions,
    with_sequences: sequences: usize,
    with_capacity: capacity: usize,
    with_scale: scale: f32,
    with_window: window: Option<usize>,
    with_soft_cap: soft_cap: Option<f32>,
    with_sinks: sinks: bool,
});

impl AttentionOptions {
    /// Attention of `q_heads` over `kv_heads` of `d` numbers each, keys and values of one type, for one sequence of at
    /// most `capacity` tokens.
    pub fn new(q_heads: usize, kv_heads: usize, d: usize, kind: KvType, capacity: usize) -> AttentionOptions {
        let packed = KvOptions::new(kind, d);
        AttentionOptions {
            q_heads,
            kv_heads,
            keys: packed,
            values: packed,
            sequences: 1,
            capacity,
            scale: 1.0 / (d as f32).sqrt(),
            window: None,
            soft_cap: None,
            sinks: false,
        }
    }

    /// Query heads that share a key head.
    pub(crate) fn sharing(&self) -> usize {
        self.q_heads / self.kv_heads
    }

    /// Vectors of each side that there is room for: head after head of sequence after sequence.
    pub(crate) fn vectors(&self) -> usize {
        self.sequences * self.kv_heads * self.capacity
    }

    /// Floats of a row of inputs: queries, keys, values.
    pub(crate) fn row(&self) -> usize {
        self.q_heads * self.keys.d + self.kv_heads * (self.keys.d + self.values.d)
    }

    /// Checks the options and prepares the codecs of keys and values.
    pub(crate) fn codecs(&self) -> Result<(KvCodec, KvCodec)> {
        let positive = [
            ("query heads", self.q_heads),
            ("key heads", self.kv_heads),
            ("sequences of a cache", self.sequences),
            ("the capacity of a cache in tokens", self.capacity),
            ("the window of attention in tokens", self.window.unwrap_or(1)),
        ];
        for (what, got) in positive {
            if got == 0 {
                return Err(Error::argument(what, "at least 1", got));
            }
        }
        if !self.q_heads.is_multiple_of(self.kv_heads) {
            return Err(Error::Argument {
                what: "query heads",
                allowed: format!("a multiple of {} key heads", self.kv_heads),
                got: self.q_heads.to_string(),
            });
        }
        for (what, got) in [
            ("the scale of scores", Some(self.scale)),
            ("the cap of scores", self.soft_cap),
        ] {
            if let Some(got) = got.filter(|v| !(*v > 0.0 && v.is_finite())) {
                return Err(Error::argument(what, "positive and finite", got));
            }
        }
        for (what, options) in [("keys", self.keys), ("values", self.values)] {
            if matches!(options.kind, KvType::Kivi { .. }) {
                return Err(Error::argument(what, "of a type that packs vectors one by one", "KIVI"));
            }
            if !options.d.is_multiple_of(8) || options.d > 256 {
                return Err(Error::argument(
                    "d of a head",
                    "a multiple of 8, at most 256",
                    options.d,
                ));
            }
        }
        let vectors = (self.sequences as u64)
            .saturating_mul(self.kv_heads as u64)
            .saturating_mul(self.capacity as u64);
        within("vectors of a cache", vectors, u32::MAX as u64 / 2)?;
        // As many workgroups lie along a side of a grid.
        within("query heads", self.q_heads as u64, 1 << 15)?;
        Ok((KvCodec::new(self.keys)?, KvCodec::new(self.values)?))
    }
}

//! Attention on the CPU.

use super::online::Online;
use super::options::AttentionOptions;
use crate::kv::codec::{KvCodec, Store};
use crate::kv::packing::RowPacking;
use crate::matrix::finite;
use crate::reserve::zeros;
use crate::{Error, Result, parallel};
use std::sync::Arc;

/// Tokens whose scores are computed before their values are summed.
const RUN: usize = 64;

/// The packed keys and values of one layer in host memory, and attention over them.
///
/// ```
/// # use lowbit::kv::{Attention, AttentionOptions, KvType};
/// # fn main() -> lowbit::Result<()> {
/// // Four query heads share two key heads of 32 numbers; room for 100 tokens.
/// let options = AttentionOptions::new(4, 2, 32, KvType::Q8_0, 100);
/// let mut layer = Attention::new(options)?;
/// // Three tokens at places 0, 1, 2: their queries, keys and values.
/// let (q, k, v) = ([0.5; 3 * 4 * 32], [0.25; 3 * 2 * 32], [1.0; 3 * 2 * 32]);
/// layer.append(&k, &v, &[0, 1, 2])?;
/// let y = layer.attend(&q, &[0, 1, 2])?;
/// assert_eq!(y.len(), 3 * 4 * 32);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Attention {
    options: AttentionOptions,
    keys: Cached,
    values: Cached,
    sinks: Vec<f32>,
}

/// One side of the cache: a packed vector for each place and head.
#[derive(Clone)]
struct Cached {
    codec: KvCodec,
    packing: Arc<dyn RowPacking>,
    words: Vec<u32>,
}

impl Cached {
    fn new(codec: KvCodec, vectors: usize) -> Result<Cached> {
        let Store::Rows(packing) = &codec.store else {
            unreachable!("options allow no other type");
        };
        let packing = packing.clone();
        let words = (vectors as u64).saturating_mul(packing.words() as u64);
        Ok(Cached {
            words: zeros("words of a cache", words, isize::MAX as u64 / 4)?,
            packing,
            codec,
        })
    }

    /// The packed form of rows of d floats.
    fn packed(&self, rows: &[f32]) -> Result<Vec<u32>> {
        let (d, words) = (self.codec.d(), self.packing.words());
        let mut packed = vec![0; rows.len() / d * words];
        let encode = |i: usize, words: &mut [u32], x: &mut Vec<f32>| {
            x.clear();
            x.extend_from_slice(&rows[i * d..][..d]);
            if let Some(rotation) = &self.codec.rotation {
                rotation.apply(x);
            }
            self.packing.encode(x, words)
        };
        parallel::try_chunks(&mut packed, words, Vec::new, encode)?;
        Ok(packed)
    }

    /// The levels of vectors from `first` on.
    fn levels(&self, first: usize, levels: &mut [f32]) {
        let (width, words) = (self.codec.width(), self.packing.words());
        for (i, levels) in levels.chunks_exact_mut(width).enumerate() {
            self.packing.levels(&self.words[(first + i) * words..][..words], levels);
        }
    }
}

impl Attention {
    /// An empty cache.
    ///
    /// # Errors
    /// [`Error::Argument`] where a count is 0, query heads are no multiple of key heads, d is no multiple of 8 or over
    /// 256, a scale or cap is not positive, or the type is KIVI; those of
    /// [`KvCodec::new`](crate::kv::KvCodec::new); [`Error::TooLarge`].
    pub fn new(options: AttentionOptions) -> Result<Attention> {
        let (keys, values) = options.codecs()?;
        Ok(Attention {
            keys: Cached::new(keys, options.vectors())?,
            values: Cached::new(values, options.vectors())?,
            sinks: Vec::new(),
            options,
        })
    }

    /// Its options.
    pub fn options(&self) -> AttentionOptions {
        self.options
    }

    /// Sets the sink of each query head, where the options have sinks.
    ///
    /// # Errors
    /// [`Error::Length`] where there are not `q_heads` of them, or any without the option.
    pub fn set_sinks(&mut self, sinks: &[f32]) -> Result<()> {
        check_sinks(&self.options, sinks)?;
        self.sinks = sinks.to_vec();
        Ok(())
    }

    /// Packs the keys and values of rows at these places: `k` is \[rows, kv_heads, keys.d\], `v`
    /// \[rows, kv_heads, values.d\]. All of them or, on an error, none.
    ///
    /// # Errors
    /// [`Error::Length`] where lengths do not fit, [`Error::Argument`] for a place past the last,
    /// [`Error::NotFinite`], and [`Error::ScaleRange`] where a number is too large for the type.
    pub fn append(&mut self, k: &[f32], v: &[f32], places: &[u32]) -> Result<()> {
        let heads = self.options.kv_heads;
        self.check_places(places)?;
        for (what, rows, d) in [("k", k, self.options.keys.d), ("v", v, self.options.values.d)] {
            check_rows(what, rows, places.len(), heads, d)?;
            finite("number of a cached vector", rows, d)?;
        }
        let packed = [self.keys.packed(k)?, self.values.packed(v)?];
        let options = self.options;
        for (side, packed) in [&mut self.keys, &mut self.values].into_iter().zip(packed) {
            let words = side.packing.words();
            for (i, packed) in packed.chunks_exact(words).enumerate() {
                let vector = vector_at(&options, places[i / heads], i % heads);
                side.words[vector * words..][..words].copy_from_slice(packed);
            }
        }
        Ok(())
    }

    /// What rows of queries at these places attend to: `q` is \[rows, q_heads, keys.d\], the result
    /// \[rows, q_heads, values.d\].
    ///
    /// # Errors
    /// [`Error::Length`] where lengths do not fit, or sinks are due and not set; [`Error::Argument`] for a place past
    /// the last.
    pub fn attend(&self, q: &[f32], places: &[u32]) -> Result<Vec<f32>> {
        let AttentionOptions { q_heads, kv_heads, .. } = self.options;
        let (d, value_d) = (self.options.keys.d, self.options.values.d);
        self.check_places(places)?;
        check_rows("q", q, places.len(), q_heads, d)?;
        if self.options.sinks {
            check_sinks(&self.options, &self.sinks)?;
        }
        let sharing = self.options.sharing();
        // The heads that share keys, of one row: their keys and values are decoded once.
        let mut y = vec![0.0; places.len() * q_heads * value_d];
        let scratch = Scratch::default;
        parallel::chunks(&mut y, sharing * value_d, scratch, |i, y, scratch| {
            let (row, head) = (i / kv_heads, i % kv_heads);
            let q = &q[(row * q_heads + head * sharing) * d..][..sharing * d];
            self.group(q, places[row], head, y, scratch);
        });
        Ok(y)
    }

    /// The query heads of one row that share key head `head`.
    fn group(&self, q: &[f32], place: u32, head: usize, y: &mut [f32], scratch: &mut Scratch) {
        let options = &self.options;
        let (width, value_width) = (self.keys.codec.width(), self.values.codec.width());
        let last = place as usize % options.capacity;
        let first = options.window.map_or(0, |window| (last + 1).saturating_sub(window));
        let begin = vector_at(options, place - last as u32, head);
        let d = options.keys.d;
        scratch.q.resize(q.len() / d * width, 0.0);
        for (q, prepared) in q.chunks_exact(d).zip(scratch.q.chunks_exact_mut(width)) {
            self.keys.codec.prepare(q, prepared);
        }
        let mut states: Vec<Online> = (0..options.sharing()).map(|_| Online::new(value_width)).collect();
        for start in (first..=last).step_by(RUN) {
            let count = RUN.min(last + 1 - start);
            scratch.keys.resize(count * width, 0.0);
            scratch.values.resize(count * value_width, 0.0);
            self.keys.levels(begin + start, &mut scratch.keys);
            self.values.levels(begin + start, &mut scratch.values);
            for (state, q) in states.iter_mut().zip(scratch.q.chunks_exact(width)) {
                let score = |k: &[f32]| self.score(dot(q, k));
                scratch.scores.clear();
                scratch.scores.extend(scratch.keys.chunks_exact(width).map(score));
                state.add(&scratch.scores, &scratch.values);
            }
        }
        let of_head = y.chunks_exact_mut(options.values.d).zip(states);
        for (i, (y, mut state)) in of_head.enumerate() {
            if options.sinks {
                state.sink(self.sinks[head * options.sharing() + i]);
            }
            self.values.codec.finish(state.finish(), y);
        }
    }

    fn score(&self, product: f32) -> f32 {
        let score = product * self.options.scale;
        match self.options.soft_cap {
            None => score,
            Some(cap) => cap * (score / cap).tanh(),
        }
    }

    fn check_places(&self, places: &[u32]) -> Result<()> {
        let room = self.options.sequences * self.options.capacity;
        match places.iter().find(|place| **place as usize >= room) {
            None => Ok(()),
            Some(place) => Err(Error::Argument {
                what: "the place of a token",
                allowed: format!("under {room}"),
                got: place.to_string(),
            }),
        }
    }
}

impl std::fmt::Debug for Attention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attention({:?})", self.options)
    }
}

/// Memory of a thread.
#[derive(Default)]
struct Scratch {
    q: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    scores: Vec<f32>,
}

/// Eight sums, so that the loop is a vector's.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// The vector of a place and head: positions of a head lie next to each other.
fn vector_at(options: &AttentionOptions, place: u32, head: usize) -> usize {
    let (sequence, position) = (place as usize / options.capacity, place as usize % options.capacity);
    (sequence * options.kv_heads + head) * options.capacity + position
}

pub(crate) fn check_sinks(options: &AttentionOptions, sinks: &[f32]) -> Result<()> {
    let expected = if options.sinks { options.q_heads } else { 0 };
    match sinks.len() == expected {
        true => Ok(()),
        false => Err(Error::Length {
            what: "sinks",
            shape: format!("[{expected}]"),
            unit: "floats",
            expected,
            got: sinks.len(),
        }),
    }
}

fn check_rows(what: &'static str, rows: &[f32], count: usize, heads: usize, d: usize) -> Result<()> {
    let expected = count * heads * d;
    match rows.len() == expected {
        true => Ok(()),
        false => Err(Error::Length {
            what,
            shape: format!("[{count}, {heads}, {d}]"),
            unit: "floats",
            expected,
            got: rows.len(),
        }),
    }
}

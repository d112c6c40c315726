//! A cache on the CPU.

use super::codec::{KvCodec, Store};
use super::kivi::Tokens;
use super::packing::RowPacking;
use crate::matrix::finite;
use crate::{Error, Result, parallel};
use std::sync::Arc;

/// Tokens of a partial sum. Partial sums are added in order, so that threads change nothing.
const RUN: usize = 256;

/// Packed vectors of d numbers, one for each token, in the order of appending.
#[derive(Clone)]
pub struct Kv {
    codec: KvCodec,
    held: Held,
}

#[derive(Clone)]
enum Held {
    Rows(PackedRows),
    Kivi(Tokens),
}

/// Vectors that are packed one by one.
#[derive(Clone)]
struct PackedRows {
    packing: Arc<dyn RowPacking>,
    words: Vec<u32>,
}

impl PackedRows {
    fn len(&self) -> usize {
        self.words.len() / self.packing.words()
    }

    /// Packs rows of d floats; all of them or, on an error, none.
    fn push(&mut self, d: usize, rows: &[f32]) -> Result<()> {
        let (packing, before) = (&self.packing, self.words.len());
        let words = before + rows.len() / d * packing.words();
        self.words.resize(words, 0);
        let encode = |i: usize, words: &mut [u32], _: &mut ()| packing.encode(&rows[i * d..(i + 1) * d], words);
        let made = &mut self.words[before..];
        let result = parallel::try_chunks(made, packing.words(), || (), encode);
        if result.is_err() {
            self.words.truncate(before);
        }
        result
    }
}

impl Kv {
    /// An empty cache.
    pub fn new(codec: &KvCodec) -> Kv {
        let held = match &codec.store {
            Store::Rows(packing) => Held::Rows(PackedRows {
                packing: packing.clone(),
                words: Vec::new(),
            }),
            Store::Kivi(settings) => Held::Kivi(Tokens::new(*settings)),
        };
        Kv {
            codec: codec.clone(),
            held,
        }
    }

    /// A cache of packed vectors from [`words`](Kv::words) or a [`GpuKv`](super::GpuKv).
    ///
    /// # Errors
    /// [`Error::Length`] where `words` is not whole vectors, [`Error::Argument`] for KIVI.
    pub fn from_words(codec: &KvCodec, words: &[u32]) -> Result<Kv> {
        let Store::Rows(packing) = &codec.store else {
            return Err(Error::argument(
                "the type of a cache made of words",
                "one that packs vectors one by one",
                format!("{:?}", codec.options().kind),
            ));
        };
        let len = words.len() / packing.words();
        if len * packing.words() != words.len() {
            return Err(Error::Length {
                what: "packed vectors",
                shape: format!("[{len}, {}]", packing.words()),
                unit: "words",
                expected: len * packing.words(),
                got: words.len(),
            });
        }
        Ok(Kv {
            codec: codec.clone(),
            held: Held::Rows(PackedRows {
                packing: packing.clone(),
                words: words.to_vec(),
            }),
        })
    }

    /// The codec of the vectors.
    pub fn codec(&self) -> &KvCodec {
        &self.codec
    }

    /// The number of vectors.
    pub fn len(&self) -> usize {
        match &self.held {
            Held::Rows(rows) => rows.len(),
            Held::Kivi(tokens) => tokens.len(),
        }
    }

    /// Whether the cache has no vectors.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The mean bits of a cached number; [`KvCodec::bits_per_element`] for an empty cache.
    pub fn bits_per_element(&self) -> f64 {
        if self.is_empty() {
            return self.codec.bits_per_element();
        }
        let words = match &self.held {
            Held::Rows(rows) => rows.words.len(),
            Held::Kivi(tokens) => tokens.words(),
        };
        32.0 * words as f64 / (self.len() * self.codec.d()) as f64
    }

    /// The packed vectors with a fixed number of words each, as in [`GpuKv`](super::GpuKv); empty for KIVI.
    pub fn words(&self) -> &[u32] {
        match &self.held {
            Held::Rows(rows) => &rows.words,
            Held::Kivi(_) => &[],
        }
    }

    /// Appends rows of d floats; all of them or, on an error, none.
    ///
    /// # Errors
    /// [`Error::Inputs`] where `rows` is not whole rows, [`Error::NotFinite`] where a number is NaN or infinite,
    /// [`Error::ScaleRange`] where one is too large for the type.
    pub fn append(&mut self, rows: &[f32]) -> Result<()> {
        let d = self.codec.d();
        check_rows(d, rows)?;
        finite("number of a cached vector", rows, d)?;
        let mut rotated = rows.to_vec();
        if let Some(rotation) = &self.codec.rotation {
            parallel::chunks(&mut rotated, d, || (), |_, x, _| rotation.apply(x));
        }
        match &mut self.held {
            Held::Rows(rows) => rows.push(d, &rotated),
            Held::Kivi(tokens) => tokens.push(&rotated),
        }
    }

    /// The scores ⟨q, x_t⟩ of each of the m rows of `q` with every vector: m rows of `len` floats.
    ///
    /// # Errors
    /// [`Error::Inputs`] where `q` is not whole rows.
    pub fn scores(&self, q: &[f32]) -> Result<Vec<f32>> {
        let (d, width, len) = (self.codec.d(), self.codec.width(), self.len());
        check_rows(d, q)?;
        let m = q.len() / d;
        if len == 0 || m == 0 {
            return Ok(Vec::new());
        }
        let mut prepared = vec![0.0; m * width];
        let prepare = |i: usize, p: &mut [f32], _: &mut ()| {
            self.codec.prepare(&q[i * d..(i + 1) * d], p);
        };
        parallel::chunks(&mut prepared, width, || (), prepare);
        // By token, so that each is decoded once for all rows.
        let mut by_token = vec![0.0; len * m];
        let scratch = || vec![0.0; width];
        parallel::chunks(&mut by_token, m, scratch, |t, scores, levels| {
            self.levels(t, levels);
            for (score, q) in scores.iter_mut().zip(prepared.chunks_exact(width)) {
                let products = q.iter().zip(&*levels).map(|(q, l)| f64::from(*q) * f64::from(*l));
                *score = products.sum::<f64>() as f32;
            }
        });
        let mut scores = vec![0.0; m * len];
        for (t, row) in by_token.chunks_exact(m).enumerate() {
            for (i, score) in row.iter().enumerate() {
                scores[i * len + t] = *score;
            }
        }
        Ok(scores)
    }

    /// The weighted sums Σ_t p_t x_t for each of the m rows of `p` (m rows of `len` floats): m rows of d floats.
    ///
    /// # Errors
    /// [`Error::Argument`] where the cache is empty, [`Error::Inputs`] where `p` is not whole rows.
    pub fn weighted_sum(&self, p: &[f32]) -> Result<Vec<f32>> {
        let (d, width, len) = (self.codec.d(), self.codec.width(), self.len());
        if len == 0 {
            return Err(Error::argument(
                "the vectors of a cache to be summed",
                "at least 1",
                len,
            ));
        }
        check_rows(len, p)?;
        let m = p.len() / len;
        let mut y = vec![0.0; m * d];
        if m == 0 {
            return Ok(y);
        }
        let mut sums = vec![0f64; len.div_ceil(RUN) * m * width];
        let scratch = || vec![0.0; width];
        parallel::chunks(&mut sums, m * width, scratch, |run, sums, levels| {
            for t in run * RUN..len.min((run + 1) * RUN) {
                self.levels(t, levels);
                for (i, sum) in sums.chunks_exact_mut(width).enumerate() {
                    let p = f64::from(p[i * len + t]);
                    for (sum, level) in sum.iter_mut().zip(&*levels) {
                        *sum += p * f64::from(*level);
                    }
                }
            }
        });
        parallel::chunks(
            &mut y,
            d,
            || (),
            |i, y, _| {
                let mut sum = vec![0.0; width];
                for run in sums.chunks_exact(m * width) {
                    for (sum, part) in sum.iter_mut().zip(&run[i * width..]) {
                        *sum += part;
                    }
                }
                self.codec.finish(sum, y);
            },
        );
        Ok(y)
    }

    /// All vectors, decoded: `len` rows of d floats.
    pub fn dequantize(&self) -> Vec<f32> {
        let (d, width) = (self.codec.d(), self.codec.width());
        let mut rows = vec![0.0; self.len() * d];
        let scratch = || vec![0.0; width];
        parallel::chunks(&mut rows, d, scratch, |t, row, levels| {
            self.levels(t, levels);
            // The f32 levels of unrotated types are exact in f64.
            let sum = levels.iter().map(|l| f64::from(*l)).collect();
            self.codec.finish(sum, row);
        });
        rows
    }

    fn levels(&self, t: usize, levels: &mut [f32]) {
        match &self.held {
            Held::Rows(rows) => {
                let count = rows.packing.words();
                let words = &rows.words[t * count..(t + 1) * count];
                rows.packing.levels(words, levels);
            }
            Held::Kivi(tokens) => tokens.levels(t, levels),
        }
    }
}

impl std::fmt::Debug for Kv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kv({} of {:?})", self.len(), self.codec.options())
    }
}

fn check_rows(k: usize, rows: &[f32]) -> Result<()> {
    if !rows.len().is_multiple_of(k) {
        return Err(Error::Inputs { k, got: rows.len() });
    }
    Ok(())
}

//! TurboQuant (Zandieh et al., TurboQuant: Online Vector Quantization with Near-optimal Distortion Rate, 2025, arXiv
//! 2504.19874), on rotated vectors y = Π x.
//!
//! Q_mse (b bits): idx_j = argmin_k |y_j / ‖x‖ - c_k|; what it decodes to is ‖x‖ c[idx].
//! Words: ‖x‖ (f32), then idx.
//!
//! Q_prod (b bits): idx of Q_mse with b - 1 bits, r = y / ‖x‖ - c[idx], γ = ‖r‖, z = sign(S r) with S d rows of d
//! numbers of N(0, 1); it decodes to ‖x‖ (c[idx] + γ √(π/2) / d Sᵀ z), whose inner products are unbiased.
//! Words: ‖x‖, ‖x‖ γ (f32), idx, z (1 where positive). The paper applies S before the rotation. S Πᵀ has the same
//! distribution and is also independent of Π, and using it saves rotating r back.

use super::packing::{KvShader, RowPacking};
use super::{bits, gaussian};
use crate::quantize::codebook::lloyd_max_sphere;
use crate::shader::{File, text};
use crate::{Error, Result};

const CODEWORDS: File = text!("kv/codewords.wgsl");
const ENCODE: File = text!("kv/turbo_encode.wgsl");

/// Levels, and the boundaries between them.
struct TurboCodebook {
    bits: u32,
    levels: Vec<f32>,
    bounds: Vec<f32>,
}

impl TurboCodebook {
    fn new(d: usize, bits: u32) -> TurboCodebook {
        let levels = lloyd_max_sphere(d, bits);
        TurboCodebook {
            bits,
            bounds: levels.windows(2).map(|c| ((c[0] + c[1]) / 2.0) as f32).collect(),
            levels: levels.into_iter().map(|c| c as f32).collect(),
        }
    }

    /// The index of the level nearest to `y`.
    fn index(&self, y: f32) -> u32 {
        self.bounds.iter().filter(|&&b| y > b).count() as u32
    }

    fn pairs(&self) -> Vec<[f32; 2]> {
        let bounds = self.bounds.iter().chain([&f32::MAX]);
        let pairs = self.levels.iter().zip(bounds);
        pairs.map(|(level, bound)| [*level, *bound]).collect()
    }
}

fn check(d: usize, bits: u32) -> Result<()> {
    if !(1..=4).contains(&bits) {
        return Err(Error::argument("the bits of a TurboQuant cache", "1 to 4", bits));
    }
    if d < 8 {
        return Err(Error::argument(
            "d, the numbers of a vector under TurboQuant,",
            "at least 8",
            d,
        ));
    }
    Ok(())
}

/// The largest norm; the inverse of a larger one is subnormal, which some devices flush to zero.
const LARGEST: f32 = 1.0 / f32::MIN_POSITIVE;

/// ‖y‖ and 1 / ‖y‖; zeros where the norm is subnormal, so that such vectors decode to zeros.
fn norm(y: &[f32]) -> Result<(f32, f32)> {
    let square: f64 = y.iter().map(|&y| f64::from(y) * f64::from(y)).sum();
    let norm = square.sqrt() as f32;
    if norm < f32::MIN_POSITIVE {
        return Ok((0.0, 0.0));
    }
    if !(norm <= LARGEST) {
        return Err(Error::ScaleRange {
            format: "turboquant".into(),
            value: norm,
            limit: LARGEST,
        });
    }
    Ok((norm, 1.0 / norm))
}

pub(super) struct TurboMse {
    d: usize,
    codebook: TurboCodebook,
}

impl TurboMse {
    pub fn new(d: usize, bits: u32) -> Result<TurboMse> {
        check(d, bits)?;
        Ok(TurboMse {
            d,
            codebook: TurboCodebook::new(d, bits),
        })
    }
}

impl RowPacking for TurboMse {
    fn words(&self) -> usize {
        1 + bits::words(self.d, self.codebook.bits)
    }

    fn width(&self) -> usize {
        self.d
    }

    fn encode(&self, y: &[f32], words: &mut [u32]) -> Result<()> {
        let (norm, inverse) = norm(y)?;
        words[0] = norm.to_bits();
        for (j, y) in y.iter().enumerate() {
            let index = self.codebook.index(y * inverse);
            bits::put(&mut words[1..], j, self.codebook.bits, index);
        }
        Ok(())
    }

    fn levels(&self, words: &[u32], levels: &mut [f32]) {
        let norm = f32::from_bits(words[0]);
        for (j, level) in levels.iter_mut().enumerate() {
            let index = bits::get(&words[1..], j, self.codebook.bits);
            *level = norm * self.codebook.levels[index as usize];
        }
    }

    fn shader(&self) -> KvShader {
        KvShader {
            levels: &[CODEWORDS, text!("kv/turbo_mse.wgsl")],
            encode: &[CODEWORDS, ENCODE, text!("kv/turbo_mse_encode.wgsl")],
            consts: vec![("BITS", self.codebook.bits)],
            codebook: self.codebook.pairs(),
            projection: vec![],
        }
    }
}

pub(super) struct TurboProd {
    d: usize,
    codebook: TurboCodebook,
    /// S, row by row.
    s: Vec<f32>,
}

impl TurboProd {
    pub fn new(d: usize, bits: u32, seed: u64) -> Result<TurboProd> {
        check(d, bits)?;
        Ok(TurboProd {
            d,
            codebook: TurboCodebook::new(d, bits - 1),
            s: gaussian::projection(d, seed)?,
        })
    }

    fn index_words(&self) -> usize {
        bits::words(self.d, self.codebook.bits)
    }

    /// √(π/2) / d.
    fn factor(&self) -> f32 {
        ((std::f64::consts::PI / 2.0).sqrt() / self.d as f64) as f32
    }
}

/// ⟨a, b⟩ in f64.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
    products.sum()
}

impl RowPacking for TurboProd {
    fn words(&self) -> usize {
        2 + self.index_words() + bits::words(self.d, 1)
    }

    /// d numbers of Π q, then d of S Π q.
    fn width(&self) -> usize {
        2 * self.d
    }

    fn encode(&self, y: &[f32], words: &mut [u32]) -> Result<()> {
        let (norm, inverse) = norm(y)?;
        let (head, codes) = words.split_at_mut(2);
        let (indices, signs) = codes.split_at_mut(self.index_words());
        let mut r = vec![0.0; self.d];
        for (j, (r, y)) in r.iter_mut().zip(y).enumerate() {
            let y = y * inverse;
            let index = self.codebook.index(y);
            bits::put(indices, j, self.codebook.bits, index);
            *r = y - self.codebook.levels[index as usize];
        }
        head[0] = norm.to_bits();
        head[1] = (norm * dot(&r, &r).sqrt() as f32).to_bits();
        for (i, row) in self.s.chunks_exact(self.d).enumerate() {
            bits::put(signs, i, 1, (dot(row, &r) >= 0.0).into());
        }
        Ok(())
    }

    fn levels(&self, words: &[u32], levels: &mut [f32]) {
        let norm = f32::from_bits(words[0]);
        let size = f32::from_bits(words[1]) * self.factor();
        let (indices, signs) = words[2..].split_at(self.index_words());
        let (coarse, fine) = levels.split_at_mut(self.d);
        for j in 0..self.d {
            let index = bits::get(indices, j, self.codebook.bits);
            coarse[j] = norm * self.codebook.levels[index as usize];
            fine[j] = match bits::get(signs, j, 1) {
                1 => size,
                _ => -size,
            };
        }
    }

    fn prepare(&self, q: &[f32], prepared: &mut [f32]) {
        let (rotated, projected) = prepared.split_at_mut(self.d);
        rotated.copy_from_slice(q);
        for (p, row) in projected.iter_mut().zip(self.s.chunks_exact(self.d)) {
            *p = dot(row, q) as f32;
        }
    }

    fn finish(&self, sum: &mut [f64]) {
        let (coarse, fine) = sum.split_at_mut(self.d);
        for (f, row) in fine.iter().zip(self.s.chunks_exact(self.d)) {
            for (c, s) in coarse.iter_mut().zip(row) {
                *c += f * f64::from(*s);
            }
        }
    }

    fn shader(&self) -> KvShader {
        KvShader {
            levels: &[CODEWORDS, text!("kv/turbo_prod.wgsl")],
            encode: &[CODEWORDS, ENCODE, text!("kv/turbo_prod_encode.wgsl")],
            consts: vec![
                ("BITS", self.codebook.bits),
                ("INDEX_WORDS", self.index_words() as u32),
                ("FACTOR", self.factor().to_bits()),
            ],
            codebook: self.codebook.pairs(),
            projection: self.s.clone(),
        }
    }
}

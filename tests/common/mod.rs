//! Shared by the tests: test data, the oracle, and comparisons that report differences.
#![allow(dead_code)] // each test binary uses its own part

pub mod golden;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod layouts;
pub mod structured;

use lowbit::random::SplitMix64;
use lowbit::{Format, Group, Linear, Matrix, RmsNorm, ScaleType};

/// A generator with the same sequence on every machine.
pub struct Random(SplitMix64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(SplitMix64::new(seed))
    }

    pub fn next(&mut self) -> u64 {
        self.0.bits()
    }

    /// Uniform in -1..1.
    pub fn signed(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn floats(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count).map(|_| self.signed() * scale).collect()
    }
}

/// Every format, and the variants of each family: groups that divide a part in every way, and scales of every type.
/// Reading groups and scales does not depend on the bits of a code, so family members that share those snippets
/// represent each other.
pub fn formats() -> Vec<Format> {
    let mut all = Format::ALL.to_vec();
    for format in [
        Format::INT4,
        Format::INT3_ASYM,
        Format::INT3_QZEROS,
        Format::INT8_BIAS,
        Format::FP6_E2M3,
        Format::NF4,
        Format::AQLM_2X8,
    ] {
        let groups = [8, 16, 24, 128].iter();
        all.extend(groups.filter_map(|&g| format.with_group(g).ok()));
        all.extend(format.with_group(Group::Row));
        let scales = format.scale_types();
        all.extend(scales.iter().map(|&s| format.with_scale(s).unwrap()));
    }
    all.extend(Format::FP8_E4M3.with_scale(ScaleType::E4M3));
    // A group that is longer than a part and not a multiple of one.
    all.extend(Format::AQLM_2X8.with_group(40));
    let mut seen = std::collections::HashSet::new();
    all.retain(|f| seen.insert(*f));
    all
}

/// A row length of about `k` that the format supports: for families `k` itself.
pub fn fitting_k(format: Format, k: usize) -> usize {
    match format.row_bytes(k) {
        Ok(_) => k,
        // Formats of vectors take any multiple of eight.
        Err(_) => k.next_multiple_of(format.block_len().unwrap_or(8)),
    }
}

/// Inputs that round to themselves: in each run one is 127 or -127 and some are small, times a power of two.
pub fn exact_inputs(m: usize, k: usize, random: &mut Random) -> Vec<f32> {
    let mut x = vec![0f32; m * k];
    for row in x.chunks_mut(k) {
        for run in row.chunks_mut(32) {
            let top = random.next() as usize % run.len();
            for (i, x) in run.iter_mut().enumerate() {
                let small = [0.0, 0.0, -2.0, -1.0, 1.0, 3.0][random.next() as usize % 6];
                let sign = if random.next() & 1 == 0 { 127.0 } else { -127.0 };
                *x = 0.25 * if i == top { sign } else { small };
            }
        }
    }
    x
}

/// A matrix of random bytes, all patterns equally likely. Only floats are restricted to ordinary values (magnitudes of
/// 2^-10 to 2^-4, both signs; E8M0 from 2^-17 to 2^-7), since NaN and infinity cannot be compared.
///
/// # Panics
/// If a weight is not finite nevertheless.
pub fn random_matrix(format: Format, n: usize, k: usize, seed: u64) -> Matrix<'static> {
    let matrix = altered_matrix(format, n, k, seed, |_| ());
    let finite = matrix.dequantize().iter().all(|w| w.is_finite());
    assert!(
        finite,
        "random bytes of {format} have codes or scales that are NaN: see altered_matrix, tests/common/mod.rs"
    );
    matrix
}

/// The same random matrix with its bytes altered.
pub fn altered_matrix(format: Format, n: usize, k: usize, seed: u64, alter: impl FnOnce(&mut [u8])) -> Matrix<'static> {
    let mut random = Random::new(seed);
    let row_bytes = format.row_bytes(k).unwrap();
    let mut bytes: Vec<u8> = (0..n * row_bytes).map(|_| random.next() as u8).collect();
    for row in bytes.chunks_mut(row_bytes) {
        // Whole blocks have one size; a family's short last block starts with its header too.
        let step = format.block_bytes().unwrap_or(row_bytes);
        for block in row.chunks_mut(step) {
            let header: usize = format.float_fields().iter().map(|(_, s)| s.bytes()).sum();
            match format.name() {
                name if name.starts_with("fp8_e4m3") => numbers(&mut block[header..], |code| code & 127 == 127),
                name if name.starts_with("fp8_e5m2") => numbers(&mut block[header..], |code| code & 127 >= 124),
                // d is in the top nibbles of four half words: 2^-15 to 2^-8.
                "iq1_m" => block[55] = (block[55] & 0x8f) | 0x10,
                _ => {}
            }
            for &(at, scale) in format.float_fields() {
                ordinary(&mut random, scale, &mut block[at..]);
            }
        }
    }
    alter(&mut bytes);
    from_bytes(format, n, k, bytes, &mut random)
}

/// `Matrix::from_bytes`, with a random codebook where the format needs one.
pub fn from_bytes(format: Format, n: usize, k: usize, bytes: Vec<u8>, random: &mut Random) -> Matrix<'static> {
    let expected = match Matrix::from_bytes(format, n, k, bytes.clone()) {
        Err(lowbit::Error::Codebook { expected, .. }) => expected,
        matrix => return matrix.unwrap(),
    };
    // Formats with a scale for each column take any number of pairs.
    let expected = if expected == 2 { 2 * 37 } else { expected };
    let mut codebook = vec![0; 4 * expected];
    let scale = format.float_fields().first().map_or(ScaleType::F32, |f| f.1);
    for entry in codebook.chunks_mut(scale.bytes()) {
        ordinary(random, scale, entry);
    }
    Matrix::from_codebook(format, n, k, bytes, &codebook).unwrap()
}

/// Clears the lowest exponent bit of NaN and infinite codes.
fn numbers(codes: &mut [u8], special: impl Fn(u8) -> bool) {
    for code in codes {
        if special(*code) {
            *code &= !8;
        }
    }
}

fn ordinary(random: &mut Random, scale: ScaleType, bytes: &mut [u8]) {
    let magnitude = 2f32.powi(-4 - (random.next() % 7) as i32) * (1.0 + random.signed().abs());
    let value = if random.next().is_multiple_of(2) {
        magnitude
    } else {
        -magnitude
    };
    match scale {
        ScaleType::E8M0 => bytes[0] = 110 + (random.next() % 11) as u8,
        // NVFP4 ignores the sign.
        ScaleType::E4M3 => bytes[0] = 8 + (random.next() % 32) as u8,
        ScaleType::F16 => bytes[..2].copy_from_slice(&half::f16::from_f32(value).to_le_bytes()),
        ScaleType::BF16 => bytes[..2].copy_from_slice(&half::bf16::from_f32(value).to_le_bytes()),
        ScaleType::F32 => bytes[..4].copy_from_slice(&value.to_le_bytes()),
        other => panic!("add random scales of type {other} here"),
    }
}

/// The product in f64, one term after the other, and Σ|x·w| for the bound. `w` is [n, k].
pub fn oracle(w: &[f32], x: &[f32], n: usize, k: usize) -> Vec<(f64, f64)> {
    let mut out = Vec::new();
    for x in x.chunks(k) {
        for w in w.chunks(k).take(n) {
            let mut sums = (0.0, 0.0);
            for (w, x) in w.iter().zip(x) {
                let term = *w as f64 * *x as f64;
                sums.0 += term;
                sums.1 += term.abs();
            }
            out.push(sums);
        }
    }
    out
}

/// One row of inputs after the norm, except for outlier columns.
pub fn normed(linear: &Linear, x: &[f32]) -> Vec<f64> {
    let mut normed: Vec<f64> = x.iter().map(|&x| x as f64).collect();
    if let Some(RmsNorm { weight, eps }) = linear.norm() {
        let mean = normed.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
        let factor = 1.0 / (mean + *eps as f64).sqrt();
        for (x, w) in normed.iter_mut().zip(weight) {
            *x *= factor * *w as f64;
        }
        for &column in linear.outliers().unwrap_or_default().0 {
            normed[column as usize] = x[column as usize] as f64;
        }
    }
    normed
}

/// Rounding errors allowed for each output, in units of ε·Σ|x·w|. Rounding every product and every partial sum in the
/// worst order would give k; sums in lanes with random signs stay under 2 on every driver (printed by `gpu_matmul`).
pub const BOUND: f64 = 4.0;

/// The largest error in units of ε·Σ|x·w|, or the first output out of bounds; NaN is out of bounds.
pub fn within_bound(y: &[f32], want: &[(f64, f64)]) -> Result<f64, String> {
    assert_eq!(y.len(), want.len());
    let mut worst = 0f64;
    for (i, (y, (sum, magnitude))) in y.iter().zip(want).enumerate() {
        let unit = f32::EPSILON as f64 * magnitude + f32::MIN_POSITIVE as f64;
        let error = (*y as f64 - sum).abs() / unit;
        if !(error <= BOUND) {
            return Err(format!(
                "output {i} is {y:e}, should be {sum:e}: {error:.2} units of eps*sum|x*w|, bound {BOUND}"
            ));
        }
        worst = worst.max(error);
    }
    Ok(worst)
}

/// The first bitwise difference between two vectors.
pub fn same_bits(got: &[f32], want: &[f32]) -> Result<(), String> {
    if got.len() != want.len() {
        return Err(format!("{} values, should be {}", got.len(), want.len()));
    }
    let differs = got.iter().zip(want).position(|(a, b)| a.to_bits() != b.to_bits());
    match differs {
        None => Ok(()),
        Some(i) => Err(format!(
            "value {i} is {:e} ({:#010x}), should be {:e} ({:#010x})",
            got[i],
            got[i].to_bits(),
            want[i],
            want[i].to_bits()
        )),
    }
}

//! Weights and inputs with the structure of models and tools, which random bytes lack: weights that are small next to
//! the offset of their group, masked, constant, sparse, or with a huge range.

use super::Random;
use lowbit::{Dense, Format, Group, Matrix};

pub const WEIGHTS: &[&str] = &[
    "normal",
    "sparse",
    "constant",
    "alternating",
    "positive",
    "range of groups",
    "range of rows",
    "outliers",
    "outliers and small ones",
];

pub const INPUTS: &[&str] = &[
    "normal",
    "sparse",
    "constant",
    "alternating",
    "positive",
    "range",
    "masked",
    "large",
    "one",
];

fn normal(random: &mut Random) -> f32 {
    (0..4).map(|_| random.signed()).sum()
}

fn below(random: &mut Random, end: usize) -> usize {
    (random.next() % end as u64) as usize
}

fn group(format: Format, k: usize) -> usize {
    match format.group() {
        Group::Len(len) => len,
        _ => k,
    }
}

/// A matrix of such weights, or None if the format has no encoder that takes them.
pub fn matrix(kind: &str, format: Format, n: usize, k: usize, random: &mut Random) -> Option<Matrix<'static>> {
    let len = group(format, k);
    let constant = random.signed();
    let mut weights = vec![0f32; n * k];
    for (row, weights) in weights.chunks_mut(k).enumerate() {
        for (i, w) in weights.iter_mut().enumerate() {
            let v = normal(random);
            *w = match kind {
                "sparse" if below(random, 20) > 0 => 0.0,
                "constant" => constant,
                "alternating" => constant * if i % 2 == 0 { 1.0 } else { -1.0 },
                "positive" => 1.0 + 0.01 * v,
                "range of groups" => v * 10f32.powi((i / len % 7) as i32 - 4),
                "range of rows" => v * 10f32.powi((row % 7) as i32 - 4),
                "outliers" | "outliers and small ones" => match i % len {
                    0 => -1.0 - 0.3 * (row % 5) as f32,
                    1 => 0.9 + 0.11 * (row % 3) as f32,
                    _ if kind == "outliers" => 0.0,
                    _ => 0.001 * v,
                },
                _ => v,
            };
        }
    }
    Dense::new(n, k, &weights)
        .and_then(|w| Matrix::quantize(format, w))
        .ok()
}

/// m rows of such inputs for weights of this format. Masked inputs are 0 where the outliers are.
pub fn inputs(kind: &str, format: Format, m: usize, k: usize, random: &mut Random) -> Vec<f32> {
    let len = group(format, k);
    let constant = random.signed();
    let mut x = vec![0f32; m * k];
    for (row, x) in x.chunks_mut(k).enumerate() {
        for (i, x) in x.iter_mut().enumerate() {
            let v = normal(random);
            *x = match kind {
                "sparse" if below(random, 10) > 0 => 0.0,
                "constant" => constant,
                "alternating" => constant * if i % 2 == 0 { 1.0 } else { -1.0 },
                "positive" => 5.0 + 0.1 * v,
                "range" => v * 10f32.powi((i % 9) as i32 - 4),
                "masked" if i % len < 2 => 0.0,
                "large" => 1e4 * v,
                "one" => ((row * 37) % k == i) as u8 as f32,
                _ => v,
            };
        }
    }
    x
}

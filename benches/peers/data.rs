//! The weights and inputs that all workers multiply, and the expected products.

use lowbit::{Dense, Format, Matrix};
use std::fs;

/// Distinct rows of a matrix; the others repeat them. A prime, so that rows repeat at no power of two.
/// The time of a product does not depend on the weights, and few distinct rows make quantization and
/// the f64 reference fast.
pub const DISTINCT: usize = 61;

/// Floats between -1 and 1, the same in every run.
fn random(count: usize, mut state: u32) -> Vec<f32> {
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state as f64 / 2f64.powi(31) - 1.0) as f32
    };
    (0..count).map(next).collect()
}

/// `m` rows of x.
pub fn inputs(m: usize, k: usize) -> Vec<f32> {
    random(m * k, 0x2545_f491)
}

/// The names of the formats that lowbit can quantize to, and of the others.
pub fn quantizable() -> (Vec<&'static str>, Vec<&'static str>) {
    let has = |name: &&str| {
        let format = Format::ALL.iter().find(|f| f.name() == *name);
        format.is_some_and(|f| {
            Dense::new(1, 256, &[0.5; 256])
                .and_then(|w| Matrix::quantize(*f, w))
                .is_ok()
        })
    };
    Format::ALL.iter().map(Format::name).partition(has)
}

fn distinct(format: Format, k: usize) -> Matrix<'static> {
    let weights = random(DISTINCT * k, 0x9e37_79b9);
    Dense::new(DISTINCT, k, &weights)
        .and_then(|w| Matrix::quantize(format, w))
        .expect("random weights can be quantized")
}

fn repeated<T: Copy>(rows: &[T], n: usize) -> Vec<T> {
    let len = rows.len() / DISTINCT * n;
    rows.iter().copied().cycle().take(len).collect()
}

/// `n` rows of packed weights.
pub fn weights(format: Format, n: usize, k: usize) -> Matrix<'static> {
    let bytes = repeated(distinct(format, k).bytes(), n);
    Matrix::from_bytes(format, n, k, bytes).expect("whole rows")
}

/// The products by f64 sums: m rows of `DISTINCT` numbers, which a row of y repeats.
pub fn products(format: Format, k: usize, x: &[f32]) -> Vec<f64> {
    let w = distinct(format, k).dequantize();
    let sum = |x: &[f32], w: &[f32]| -> f64 {
        let terms = x.iter().zip(w).map(|(x, w)| *x as f64 * *w as f64);
        terms.sum()
    };
    let row = |x| w.chunks(k).map(move |w| sum(x, w));
    x.chunks(k).flat_map(row).collect()
}

/// Writes `w` (packed), `w-f32` (decoded, the distinct rows), `x`, and `y` (the products).
pub fn write(format: Format, n: usize, k: usize, m: usize) {
    let (w, x) = (weights(format, n, k), inputs(m, k));
    let decoded = distinct(format, k).dequantize();
    let y = products(format, k, &x);
    let files: [(&str, &[u8]); 4] = [
        ("w", w.bytes()),
        ("w-f32", bytemuck::cast_slice(&decoded)),
        ("x", bytemuck::cast_slice(&x)),
        ("y", bytemuck::cast_slice(&y)),
    ];
    for (name, bytes) in files {
        fs::write(name, bytes).expect("the folder can be written to");
    }
}

//! A matrix, inputs, and their expected products.

use lowbit::{Dense, Error, Format, Matrix, Precision, quantize_activations};

/// Distinct rows of the matrix; the others repeat them. A prime, so that a row address off by a power of two never
/// reaches an equal row.
const DISTINCT: usize = 61;

pub struct Subject {
    matrix: Matrix<'static>,
    distinct: Matrix<'static>,
    x: Vec<f32>,
}

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

impl Subject {
    /// None for a format without a quantizer.
    pub fn new(format: Format, n: usize, k: usize) -> Option<Subject> {
        let weights = random(DISTINCT * k, 0x9e37_79b9);
        let distinct = match Dense::new(DISTINCT, k, &weights).and_then(|w| Matrix::quantize(format, w)) {
            Err(Error::NoEncoder { .. }) => return None,
            rows => rows.expect("random weights can be quantized"),
        };
        let len = n * distinct.bytes().len() / DISTINCT;
        let bytes: Vec<u8> = distinct.bytes().iter().copied().cycle().take(len).collect();
        Some(Subject {
            matrix: Matrix::from_bytes(format, n, k, bytes).expect("whole rows"),
            distinct,
            x: random(32 * k, 0x2545_f491),
        })
    }

    pub fn product(&self, m: usize, precision: Precision) -> Vec<f32> {
        let x = &self.x[..m * self.matrix.k()];
        self.matrix.matmul_with(x, precision).expect("whole rows of x")
    }

    /// Every output must be within 8 ε Σ|x·w| of the f64 sum, of rounded inputs where the precision rounds them.
    pub fn check(&self, m: usize, precision: Precision) {
        let (n, k) = (self.matrix.n(), self.matrix.k());
        let x = &self.x[..m * k];
        let rounded = quantize_activations(x, k);
        let of_codes = rounded.codes.iter().enumerate();
        let rounded: Vec<f32> = of_codes
            .map(|(i, &code)| code as f32 * rounded.scales[i / 32])
            .collect();
        let y = self.product(m, precision);
        let is_right = |x: &[f32]| self.worst(&y, x, n, k) <= 8.0;
        let right = match precision {
            // Formats without integer codes do not round inputs.
            Precision::I8 => is_right(&rounded) || is_right(x),
            _ => is_right(x),
        };
        assert!(right, "{} m={m} {precision:?}", self.matrix.format());
    }

    /// The largest error in units of ε Σ|x·w|; infinite if any output is NaN.
    fn worst(&self, y: &[f32], x: &[f32], n: usize, k: usize) -> f64 {
        let w = self.distinct.dequantize();
        let mut worst = 0f64;
        for (x, y) in x.chunks(k).zip(y.chunks(n)) {
            let sums: Vec<(f64, f64)> = w.chunks(k).map(|w| sums(x, w)).collect();
            for (row, y) in y.iter().enumerate() {
                let (sum, size) = sums[row % DISTINCT];
                let units = (*y as f64 - sum).abs() / (f32::EPSILON as f64 * size);
                worst = if units.is_nan() {
                    f64::INFINITY
                } else {
                    worst.max(units)
                };
            }
        }
        worst
    }
}

/// Σ x·w and Σ|x·w| in f64.
fn sums(x: &[f32], w: &[f32]) -> (f64, f64) {
    x.iter().zip(w).fold((0.0, 0.0), |(sum, size), (x, w)| {
        let term = *x as f64 * *w as f64;
        (sum + term, size + term.abs())
    })
}

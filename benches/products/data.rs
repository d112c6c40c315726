//! Weights, inputs, and their expected products.

use lowbit::{Dense, Error, Format, Matrix, Precision};

/// Distinct rows of a matrix; the others repeat them. A prime, so that a row address off by a power
/// of two never reaches an equal row.
const DISTINCT: usize = 61;

/// Some rows of random weights in one format.
pub struct Packed {
    format: Format,
    k: usize,
    rows: Matrix<'static>,
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

/// `m` rows of x.
pub fn inputs(m: usize, k: usize) -> Vec<f32> {
    random(m * k, 0x2545_f491)
}

impl Packed {
    /// None for a format without a quantizer.
    pub fn new(format: Format, k: usize) -> Option<Packed> {
        let weights = random(DISTINCT * k, 0x9e37_79b9);
        let rows = match Dense::new(DISTINCT, k, &weights).and_then(|w| Matrix::quantize(format, w)) {
            Err(Error::NoEncoder { .. }) => return None,
            rows => rows.expect("random weights can be quantized"),
        };
        Some(Packed { format, k, rows })
    }

    pub fn k(&self) -> usize {
        self.k
    }

    /// `n` rows: the distinct ones, repeated. Quantizing `n` rows would take minutes in some formats,
    /// and the time of a kernel does not depend on the weights.
    pub fn matrix(&self, n: usize) -> Matrix<'static> {
        let len = n * self.rows.bytes().len() / DISTINCT;
        let bytes: Vec<u8> = self.rows.bytes().iter().copied().cycle().take(len).collect();
        Matrix::from_bytes(self.format, n, self.k, bytes).expect("whole rows")
    }

    /// Every number of `y` must be within 8 ε Σ|x·w| of the f64 sum, with the ε of the precision.
    pub fn check(&self, y: &[f32], x: &[f32], n: usize, precision: Precision) {
        let epsilon = match precision {
            Precision::F32 => f32::EPSILON,
            Precision::F16 => 1.0 / 2048.0,
            Precision::I8 => 1.0 / 127.0,
            other => panic!("add the bound of {other} here"),
        };
        assert_eq!(y.len() * self.k, x.len() * n);
        let w = self.rows.dequantize();
        for (column, (x, y)) in x.chunks(self.k).zip(y.chunks(n)).enumerate() {
            let expected: Vec<(f64, f64)> = w.chunks(self.k).map(|w| sums(x, w)).collect();
            for (row, got) in y.iter().enumerate() {
                let (want, size) = expected[row % DISTINCT];
                let err = (*got as f64 - want).abs();
                let bound = 8.0 * epsilon as f64 * size;
                if !(err <= bound) {
                    panic!(
                        "{}: y[{column}, {row}] is {got}, expected {want} within {bound}",
                        self.format
                    );
                }
            }
        }
    }
}

/// Σ x·w and Σ|x·w| in f64.
fn sums(x: &[f32], w: &[f32]) -> (f64, f64) {
    x.iter().zip(w).fold((0.0, 0.0), |(sum, size), (x, w)| {
        let term = *x as f64 * *w as f64;
        (sum + term, size + term.abs())
    })
}

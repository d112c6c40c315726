//! Packing f32 weights: `Matrix::quantize`.

use crate::family::{Hints, QuantizeError};
use crate::formats::encode::fill_blocks;
use crate::matrix::{check_shape, finite, length};
use crate::{Dense, Error, Format, Matrix, Result, parallel};

/// Encoders sum squares of importances; above this value those sums can overflow f32.
const LARGE_IMPORTANCE: f32 = (1u64 << 40) as f32;

impl Matrix<'static> {
    /// Checks and wraps the bytes that block encoders wrote.
    pub(crate) fn encoded(format: Format, n: usize, k: usize, bytes: Vec<u8>) -> Result<Self> {
        let matrix = Matrix::from_bytes(format, n, k, bytes)?;
        // For weights near the largest f32, the nearest level of the format can lie beyond it.
        match matrix.validate("") {
            Err(Error::BadScale { value, .. }) => Err(Error::ScaleRange {
                format: format.to_string(),
                value,
                limit: f32::MAX,
            }),
            _ => Ok(matrix),
        }
    }

    /// Packs `dense` with the format's own rounding: GGUF formats and NF4 are rounded as their original tools do
    /// without importance weights, all others to nearest.
    ///
    /// # Errors
    /// [`Error::Block`] if a row of `k` weights does not hold whole blocks, [`Error::ScaleRange`] if the format cannot
    /// represent the weights, [`Error::NoEncoder`] for a format that lowbit only reads.
    pub fn quantize(format: Format, dense: Dense) -> Result<Self> {
        Self::encode(format, dense, None)
    }

    /// Like [`quantize`](Matrix::quantize), with the importance of each of the `k` columns: the weight of its squared
    /// errors. For a linear layer this is the mean of the squared input (llama.cpp's importance matrix).
    ///
    /// GGUF formats use the importance as ggml does; formats that make no use of it give the result of `quantize`.
    ///
    /// # Errors
    /// The errors of `quantize`, and [`Error::Length`] if `importance` does not hold `k` numbers,
    /// [`Error::NotFinite`] if one is infinite or NaN, [`Error::Argument`] if one is negative.
    pub fn quantize_weighted(format: Format, dense: Dense, importance: &[f32]) -> Result<Self> {
        let k = dense.k();
        if importance.len() != k {
            let (what, got) = ("importance", importance.len());
            return Err(length(what, 1, k, "floats", k, got));
        }
        finite("importance", importance, k)?;
        if let Some(at) = importance.iter().position(|&w| w < 0.0) {
            let got = format!("{} in column {at}", importance[at]);
            return Err(Error::argument("importance", "at least 0", got));
        }
        let largest = importance.iter().fold(0f32, |most, &w| most.max(w));
        if largest == 0.0 && k > 0 {
            log::warn!("the importance of all {k} columns is 0: no error has any weight");
        }
        if largest <= LARGE_IMPORTANCE {
            return Self::encode(format, dense, Some(importance));
        }
        // Only ratios matter, and scaling by a power of two is exact.
        let exponent = (largest.to_bits() >> 23).min(253);
        let factor = f32::from_bits((254 - exponent) << 23);
        let lowered: Vec<f32> = importance.iter().map(|w| w * factor).collect();
        Self::encode(format, dense, Some(&lowered))
    }

    fn encode(format: Format, dense: Dense, importance: Option<&[f32]>) -> Result<Self> {
        let (n, k, weights) = (dense.n(), dense.k(), dense.weights());
        if !format.has_encoder() {
            return Err(Error::NoEncoder {
                format: format.to_string(),
            });
        }
        let row_bytes = check_shape(format, n, k)?;
        let mut bytes = vec![0u8; n * row_bytes];
        parallel::try_chunks(
            &mut bytes,
            row_bytes,
            || (),
            |row, bytes, ()| {
                let weights = &weights[row * k..][..k];
                // In order and in f32, as ggml sums them.
                let squares = || weights.iter().fold(0f32, |sum, w| sum + w * w);
                let row_mean_square = importance.map_or(0.0, |_| squares() / k as f32);
                fill_blocks(format, k, bytes, |start, len, block| {
                    let hints = Hints {
                        importance: importance.map(|i| &i[start..][..len]),
                        row_mean_square,
                        ..Hints::default()
                    };
                    format.encode(0, &weights[start..][..len], &hints, block)
                })
            },
        )
        .map_err(|e: QuantizeError| e.of(format))?;
        Matrix::encoded(format, n, k, bytes)
    }
}

//! Floats to packed matrices.

use crate::family::{Hints, QuantizeError};
use crate::matrix::{check_shape, finite, length};
use crate::{Error, Format, Matrix, Result, parallel};

/// Encoders add up squares of these numbers, which may be beyond f32 for larger ones.
const LARGE_IMPORTANCE: f32 = (1u64 << 40) as f32;

impl Matrix<'static> {
    /// What encoders of blocks have made.
    pub(crate) fn encoded(format: Format, n: usize, k: usize, bytes: Vec<u8>) -> Result<Self> {
        let matrix = Matrix::from_bytes(format, n, k, bytes)?;
        // Beside weights at the end of f32, the nearest of the format may lie past it.
        match matrix.validate("") {
            Err(Error::BadScale { value, .. }) => Err(Error::ScaleRange {
                format: format.to_string(),
                value,
                limit: f32::MAX,
            }),
            _ => Ok(matrix),
        }
    }

    /// Packs `weights`, `n` rows of `k` floats, by the format's own rounding: that of the original
    /// tools for GGUF formats (without importance weights) and NF4, round to nearest for the rest.
    ///
    /// # Errors
    /// [`Error::Block`], [`Error::Empty`] or [`Error::Length`] where the shape does not fit,
    /// [`Error::NotFinite`] and [`Error::ScaleRange`] where a weight cannot be represented.
    pub fn quantize(format: Format, n: usize, k: usize, weights: &[f32]) -> Result<Self> {
        Self::encode(format, n, k, weights, None)
    }

    /// As [`quantize`](Matrix::quantize), with a number for each of the `k` columns that says how
    /// much errors in it matter: the mean of the squared input, for a column of a linear layer
    /// (llama.cpp's importance matrix).
    ///
    /// GGUF formats use it as ggml does; formats without a use for it give the same as `quantize`.
    ///
    /// # Errors
    /// Those of `quantize`; [`Error::Length`] where there is not one number for each column,
    /// [`Error::NotFinite`] where one is infinite or not a number, [`Error::Argument`] where one is negative.
    pub fn quantize_weighted(format: Format, n: usize, k: usize, weights: &[f32], importance: &[f32]) -> Result<Self> {
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
            log::warn!("the importance of all {k} columns is 0: no error counts for anything");
        }
        if largest <= LARGE_IMPORTANCE {
            return Self::encode(format, n, k, weights, Some(importance));
        }
        // Only ratios count, and a power of two changes none.
        let exponent = (largest.to_bits() >> 23).min(253);
        let factor = f32::from_bits((254 - exponent) << 23);
        let lowered: Vec<f32> = importance.iter().map(|w| w * factor).collect();
        Self::encode(format, n, k, weights, Some(&lowered))
    }

    fn encode(format: Format, n: usize, k: usize, weights: &[f32], importance: Option<&[f32]>) -> Result<Self> {
        if !format.has_encoder() {
            return Err(Error::NoEncoder {
                format: format.to_string(),
            });
        }
        let row_bytes = check_shape(format, n, k)?;
        let expected = n.saturating_mul(k);
        if weights.len() != expected {
            return Err(length("weights", n, k, "floats", expected, weights.len()));
        }
        finite("weight", weights, k)?;
        let mut bytes = vec![0u8; n * row_bytes];
        parallel::try_chunks(
            &mut bytes,
            row_bytes,
            || (),
            |row, bytes, ()| {
                let weights = &weights[row * k..][..k];
                let span = format.block_span(k);
                // One after the other and in f32, as ggml adds them up.
                let squares = || weights.iter().fold(0f32, |sum, w| sum + w * w);
                let row_mean_square = importance.map_or(0.0, |_| squares() / k as f32);
                let mut rest = bytes;
                for (b, weights) in weights.chunks(span).enumerate() {
                    let (block, tail) = rest.split_at_mut(format.bytes_for(weights.len()));
                    let hints = Hints {
                        importance: importance.map(|i| &i[b * span..][..weights.len()]),
                        row_mean_square,
                    };
                    (format.family().quantize)(weights, &hints, block)?;
                    rest = tail;
                }
                Ok(())
            },
        )
        .map_err(|e: QuantizeError| e.of(format))?;
        Matrix::encoded(format, n, k, bytes)
    }
}

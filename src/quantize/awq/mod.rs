//! AWQ: columns of weights with large inputs are scaled up before rounding, and the inputs are scaled down.
//!
//! Lin, Tang, Tang, Yang, Chen, Wang, Xiao, Dang, Gan and Han, "AWQ: Activation-aware Weight Quantization for LLM
//! Compression and Acceleration", 2023, arXiv 2306.00978. The step of a group depends on its largest weight, so the
//! error of a column scaled by s > 1 is s times smaller as long as the largest weight does not change. The inputs X,
//! not the weights W, determine which columns to scale. The factors
//!
//! ```text
//! s = x̄^r / w̄^(1 - r)        x̄ = mean |X_j|,  w̄ = mean over rows of |W_ij| / max of its group
//! ```
//!
//! have one free parameter r, chosen from a grid for the least `‖Q(W diag(s)) diag(s)⁻¹ X - W X‖²`
//! ([`Awq::search_scales`]); then the range of each group is clipped for the same objective
//! ([`Clip::search`]).
//! Defaults and the order of steps are those of autoawq 0.2.9. Q is [`Matrix::quantize`], of any format.
//!
//! ```
//! use lowbit::{Dense, Format, quantize::awq::Awq};
//!
//! let (n, k) = (2, 32);
//! let weights: Vec<f32> = (0..n * k).map(|i| (i as f32).sin()).collect();
//! let x: Vec<f32> = (0..8 * k).map(|i| (i as f32).cos()).collect(); // 8 rows of inputs
//! let layer = Dense::new(n, k, &weights)?;
//! let found = Awq::default().quantize(Format::INT4_ASYM, &[layer], &x, &|_| ())?;
//! for linear in found.linears()? {
//!     let y = linear.matmul(&x)?; // divides the inputs by the factors
//!     assert_eq!(y.len(), 8 * n);
//! }
//! # Ok::<(), lowbit::Error>(())
//! ```

mod clip;
mod metric;
mod options;
mod sample;
mod scales;

use crate::calibrate::smooth::{check_scales, fold_into_columns};
use crate::{Dense, Format, Linear, Matrix, Result};
use sample::{mean_squares, quantize, sample};

pub use crate::calibrate::smooth::{fold_into_norm, fold_into_rows};
pub use clip::Clip;
pub use options::Awq;
pub use scales::AwqScales;

/// The result of [`Awq::quantize`]: layers that share an input.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AwqResult {
    /// The factors of the input channels.
    pub scales: AwqScales,
    /// `W · diag(s)` of each layer, clipped and packed. Inputs must be divided by s: by the preceding layer
    /// ([`fold_into_norm`], [`fold_into_rows`]) or by [`linears`](AwqResult::linears).
    pub matrices: Vec<Matrix<'static>>,
}

impl AwqResult {
    /// The layers together with the factors of their inputs, for unscaled inputs.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) where 1/s is not finite.
    pub fn linears(&self) -> Result<Vec<Linear>> {
        let inverse: Vec<f32> = self.scales.scales.iter().map(|s| 1.0 / s).collect();
        let linear = |m: &Matrix<'static>| Linear::new(m.clone()).with_input_scales(inverse.clone());
        self.matrices.iter().map(linear).collect()
    }
}

impl Awq {
    /// Searches the factors for the input that `layers` share, then the clipping of each layer, and packs the layers.
    /// `x` is a sample of the inputs, rows of k floats. `progress` receives the share done, 0 to 1.
    ///
    /// The tool does not clip queries and keys, whose product with each other matters: for these call
    /// [`search_scales`](Awq::search_scales) on q, k and v, and [`pack`](Awq::pack) with `clip: None` on q and k.
    ///
    /// # Errors
    /// Those of both.
    pub fn quantize(
        &self,
        format: Format,
        layers: &[Dense],
        x: &[f32],
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<AwqResult> {
        // The division of the work depends on the shapes; three quarters for the scales is a guess.
        let scales = self.search_scales(format, layers, x, &|done| progress(0.75 * done))?;
        let share = 0.25 / layers.len() as f32;
        let matrices = layers.iter().enumerate().map(|(i, &layer)| {
            let before = 0.75 + i as f32 * share;
            let part = |done: f32| progress(before + share * done);
            self.pack(format, layer, x, &scales.scales, &part)
        });
        Ok(AwqResult {
            matrices: matrices.collect::<Result<_>>()?,
            scales,
        })
    }

    /// Packs `W · diag(s)`, clipped if [`clip`](Awq::clip) is set. `x` is a sample of the inputs before the division by
    /// s.
    ///
    /// # Errors
    /// Those of [`Matrix::quantize`]; [`Error::Argument`](crate::Error::Argument) where a factor is not positive.
    pub fn pack(
        &self,
        format: Format,
        dense: Dense,
        x: &[f32],
        scales: &[f32],
        progress: &(dyn Fn(f32) + Sync),
    ) -> Result<Matrix<'static>> {
        let (n, k) = (dense.n(), dense.k());
        check_scales(scales, k)?;
        sample(k, x)?;
        let mut weights = dense.weights().to_vec();
        fold_into_columns(&mut weights, scales)?;
        let divided: Vec<f32> = x.iter().zip(scales.iter().cycle()).map(|(x, s)| x / s).collect();
        let importance = self.weighted.then(|| mean_squares(k, &divided));
        if let Some(clip) = self.clip {
            let scaled = Dense::new(n, k, &weights)?;
            weights = clip.search(format, scaled, &divided, importance.as_deref(), progress)?;
        }
        let matrix = quantize(format, Dense::new(n, k, &weights)?, importance.as_deref())?;
        progress(1.0);
        Ok(matrix)
    }
}

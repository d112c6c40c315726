//! `Linear`: a packed matrix, and the operations that the layouts of other tools add around its product.
//!
//! Kernels only multiply by packed weights. Permuted inputs, outlier columns and the like are the same few operations
//! for every format.

mod apply;
mod checks;
mod dequantize;
mod norm;
mod rotation;

use crate::{Matrix, Result};
pub(crate) use checks::{finite, length, part};
use half::f16;

pub use norm::RmsNorm;
pub use rotation::Rotation;

/// A number that all outputs are multiplied or divided by. Tools differ in which of the two they store, and `w / s` and
/// `w · (1 / s)` round differently.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum OutputScale {
    /// Multiplies outputs: ModelOpt, BitNet's `autobitlinear`.
    Multiply(f32),
    /// Divides outputs: compressed-tensors, BitNet's `bitlinear`.
    Divide(f32),
}

impl OutputScale {
    /// The scaled value, rounded once.
    #[inline(always)]
    pub(crate) fn apply(self, value: f32) -> f32 {
        match self {
            OutputScale::Multiply(s) => value * s,
            OutputScale::Divide(s) => value / s,
        }
    }

    /// The number itself.
    fn number(self) -> f32 {
        match self {
            OutputScale::Multiply(s) | OutputScale::Divide(s) => s,
        }
    }
}

/// Columns of `x` that are multiplied by f16 weights instead of the packed ones.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OutlierColumns {
    /// Distinct, each under `k`, in the order of `weights`.
    pub columns: Vec<u32>,
    /// `n` rows, one weight for each of `columns`.
    pub weights: Vec<f16>,
}

/// A linear layer: a packed [`Matrix`] and the operations that its layout adds around the product,
///
/// ```text
/// y = bias + r(scale · output scales · (W · h(x)) + W_out · x[outlier columns])
/// ```
///
/// where `h` applies to `x`, in this order and each only if set: [norm](Linear::with_norm), outlier columns
/// set to zero, [input scales](Linear::with_input_scales), [rotation](Linear::with_rotation),
/// [permutation](Linear::with_permutation); and `r` is the [rotation of
/// outputs](Linear::with_output_rotation).
///
/// ```
/// use lowbit::{Dense, Format, Linear, Matrix, OutputScale};
///
/// let matrix = Matrix::quantize(Format::INT8, Dense::new(2, 8, &[1.0; 16])?)?;
/// let linear = Linear::new(matrix)
///     .with_scale(OutputScale::Divide(4.0))?
///     .with_bias(vec![0.0, 10.0])?;
/// let y = linear.matmul(&[1.0; 8])?;
/// assert!((y[0] - 2.0).abs() < 1e-3 && (y[1] - 12.0).abs() < 1e-3);
/// # Ok::<(), lowbit::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    matrix: Matrix<'static>,
    norm: Option<RmsNorm>,
    permutation: Option<Vec<u32>>,
    input_scales: Option<Vec<f32>>,
    rotation: Option<Rotation>,
    outliers: Option<OutlierColumns>,
    scale: Option<OutputScale>,
    output_scales: Option<Vec<f32>>,
    output_rotation: Option<Rotation>,
    bias: Option<Vec<f32>>,
}

impl From<Matrix<'static>> for Linear {
    fn from(matrix: Matrix<'static>) -> Linear {
        Linear::new(matrix)
    }
}

impl Linear {
    /// The matrix alone: `y = W · x`.
    pub fn new(matrix: Matrix<'static>) -> Linear {
        Linear {
            matrix,
            norm: None,
            permutation: None,
            input_scales: None,
            rotation: None,
            outliers: None,
            scale: None,
            output_scales: None,
            output_rotation: None,
            bias: None,
        }
    }

    /// Normalizes the inputs before all other operations (`use_rms_norm` of BitNet in transformers).
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if there are not `k` finite weights, or `eps` is negative or
    /// not finite.
    pub fn with_norm(mut self, norm: RmsNorm) -> Result<Linear> {
        norm.check(self.k())?;
        self.norm = Some(norm);
        Ok(self)
    }

    /// Column `j` of the matrix takes input `permutation[j]` (GPTQ's act-order).
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if it is not a permutation of `0..k`.
    pub fn with_permutation(mut self, permutation: Vec<u32>) -> Result<Linear> {
        length("permutation", self.k(), permutation.len())?;
        checks::distinct("permutation", &permutation, self.k())?;
        self.permutation = Some(permutation);
        Ok(self)
    }

    /// Input `i` is multiplied by `scales[i]` (the `pre_quant_scale` of ModelOpt's AWQ).
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if there are not `k` finite numbers.
    pub fn with_input_scales(mut self, scales: Vec<f32>) -> Result<Linear> {
        length("input scales", self.k(), scales.len())?;
        finite("input scales", &scales)?;
        self.input_scales = Some(scales);
        Ok(self)
    }

    /// Rotates inputs block by block before the product, as QuaRot and SpinQuant do.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if the block is not a power of two that divides `k`, or the signs are neither
    /// empty nor `k` times 1 or -1.
    pub fn with_rotation(mut self, rotation: Rotation) -> Result<Linear> {
        rotation.check("rotation", 'k', self.k())?;
        self.rotation = Some(rotation);
        Ok(self)
    }

    /// Multiplies the inputs `columns` by `weights` (`n` rows, one for each of `columns`) instead of the packed weights:
    /// LLM.int8(), SpQR, OWQ. Neither [scale](Linear::with_scale) nor
    /// [input scales](Linear::with_input_scales) nor [norm](Linear::with_norm) apply to them.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if a column is not under `k` or occurs twice, if the weights are not `n` rows
    /// of `columns.len()`, or if one is not finite.
    pub fn with_outliers(mut self, columns: Vec<u32>, weights: Vec<f16>) -> Result<Linear> {
        checks::distinct("outlier columns", &columns, self.k())?;
        let expected = self.n().saturating_mul(columns.len());
        length("outlier weights", expected, weights.len())?;
        if let Some(at) = weights.iter().position(|w| !w.is_finite()) {
            let what = format!("number {at}");
            return Err(part("outlier weights", what, "finite", weights[at]));
        }
        self.outliers = Some(OutlierColumns { columns, weights });
        Ok(self)
    }

    /// Multiplies or divides all outputs of the packed weights by one number.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if it is not finite, or is a divisor of zero.
    pub fn with_scale(mut self, scale: OutputScale) -> Result<Linear> {
        finite("scale", &[scale.number()])?;
        if scale == OutputScale::Divide(0.0) {
            return Err(part("scale", "what is divided by", "not 0", 0));
        }
        self.scale = Some(scale);
        Ok(self)
    }

    /// Output `r` of the packed weights is multiplied by `scales[r]`, after the one number of
    /// [`with_scale`](Linear::with_scale): one factor for each stacked expert, for example.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if there are not `n` finite numbers.
    pub fn with_output_scales(mut self, scales: Vec<f32>) -> Result<Linear> {
        length("output scales", self.n(), scales.len())?;
        finite("output scales", &scales)?;
        self.output_scales = Some(scales);
        Ok(self)
    }

    /// Outputs are rotated back block by block, `y → signs ∘ (H · y)`, before the bias is added (QuIP's `U`).
    ///
    /// # Errors
    /// The errors of [`with_rotation`](Linear::with_rotation), with `n` in place of `k`.
    pub fn with_output_rotation(mut self, rotation: Rotation) -> Result<Linear> {
        rotation.check("output rotation", 'n', self.n())?;
        self.output_rotation = Some(rotation);
        Ok(self)
    }

    /// `bias[r]` is added to output `r`.
    ///
    /// # Errors
    /// [`Error::Part`](crate::Error::Part) if there are not `n` finite numbers.
    pub fn with_bias(mut self, bias: Vec<f32>) -> Result<Linear> {
        length("bias", self.n(), bias.len())?;
        finite("bias", &bias)?;
        self.bias = Some(bias);
        Ok(self)
    }

    /// Outputs.
    pub fn n(&self) -> usize {
        self.matrix.n()
    }

    /// Inputs.
    pub fn k(&self) -> usize {
        self.matrix.k()
    }

    /// The packed weights, their columns in the order that the product takes them.
    pub fn matrix(&self) -> &Matrix<'static> {
        &self.matrix
    }

    /// The norm of the inputs.
    pub fn norm(&self) -> Option<&RmsNorm> {
        self.norm.as_ref()
    }

    /// Column `j` of the matrix takes input `permutation[j]`.
    pub fn permutation(&self) -> Option<&[u32]> {
        self.permutation.as_deref()
    }

    /// The factors of the inputs.
    pub fn input_scales(&self) -> Option<&[f32]> {
        self.input_scales.as_deref()
    }

    /// The rotation of the inputs.
    pub fn rotation(&self) -> Option<&Rotation> {
        self.rotation.as_ref()
    }

    /// The outlier columns and their weights, `n` rows.
    pub fn outliers(&self) -> Option<(&[u32], &[f16])> {
        let o = self.outliers.as_ref()?;
        Some((&o.columns, &o.weights))
    }

    /// The number that outputs of the packed weights are multiplied or divided by.
    pub fn scale(&self) -> Option<OutputScale> {
        self.scale
    }

    /// The factor of each output of the packed weights.
    pub fn output_scales(&self) -> Option<&[f32]> {
        self.output_scales.as_deref()
    }

    /// The rotation of the outputs.
    pub fn output_rotation(&self) -> Option<&Rotation> {
        self.output_rotation.as_ref()
    }

    /// The bias of the outputs.
    pub fn bias(&self) -> Option<&[f32]> {
        self.bias.as_deref()
    }
}

//! Binary weights: Ŵ = α·sign(W). The α of least squared error is the mean of |W| (Rastegari et al., "XNOR-Net", 2016,
//! arXiv 1603.05279, equation 6); with importance weights h it is Σ h|w| / Σ h.

use crate::formats::bits::set_field;
use crate::formats::encode::fill_blocks;
use crate::matrix::check_shape;
use crate::setters::setters;
use crate::{Dense, Error, Format, Group, Matrix, Result, ScaleType, parallel};
use std::borrow::Cow;

/// Quantization to binary weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Binary {
    /// Which weights share α.
    pub group: Group,
}

setters!(Binary { with_group: group: Group });

impl Binary {
    /// One α for each `group`.
    pub fn new(group: Group) -> Binary {
        Binary { group }
    }

    /// The binary weights with the least squared error. `importance` weighs the errors of each column, `k` numbers of
    /// at least 0; where they are all 0, α is 0.
    ///
    /// # Errors
    /// [`Error::Argument`] where the group has 0 weights or `importance` does not fit.
    pub fn quantize(&self, dense: Dense, importance: Option<&[f32]>) -> Result<BinaryResult> {
        let (n, k, w) = (dense.n(), dense.k(), dense.weights());
        let group = self.group;
        let mut scales = vec![0f32; group.runs(n, k)?];
        check_importance(importance, k)?;
        parallel::chunks(
            &mut scales,
            1,
            || (),
            |i, scale, ()| {
                let (start, len) = group.run(n, k, i);
                let (mut sum, mut weight) = (0f64, 0f64);
                for at in start..start + len {
                    let h = importance.map_or(1.0, |h| h[at % k] as f64);
                    sum += h * w[at].abs() as f64;
                    weight += h;
                }
                scale[0] = if weight > 0.0 { (sum / weight) as f32 } else { 0.0 };
            },
        );
        let signs = w.iter().map(|&w| if w >= 0.0 { 1 } else { -1 }).collect();
        Ok(BinaryResult {
            n,
            k,
            group,
            signs,
            scales,
        })
    }
}

/// `n` rows of `k` weights, each α or -α.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BinaryResult {
    /// Rows.
    pub n: usize,
    /// Weights in a row.
    pub k: usize,
    /// Which weights share α.
    pub group: Group,
    /// `[n, k]`: 1 or -1; 1 where a weight is 0.
    pub signs: Vec<i8>,
    /// α of each group, row after row.
    pub scales: Vec<f32>,
}

impl BinaryResult {
    /// The weights, `n` rows of `k`.
    ///
    /// # Errors
    /// [`Error::Argument`] where the parts do not fit the shape.
    pub fn dequantize(&self) -> Result<Vec<f32>> {
        values((self.n, self.k), self.group, &self.signs, &self.scales)
    }

    /// The matrix in format `INT1` with the same groups (whole rows for groups of a row or the tensor), with scales of
    /// type `scale`.
    ///
    /// # Errors
    /// [`Error::Group`] where groups are not a multiple of 8, [`Error::ScaleRange`] where a scale is infinite in this
    /// type, [`Error::Argument`] where the parts do not fit the shape, [`Error::Scale`] for a type that the format does
    /// not support.
    pub fn pack(&self, scale: ScaleType) -> Result<Matrix<'static>> {
        let fields = |codes: &[i8], stream: &mut [u8]| {
            for (i, code) in codes.iter().enumerate() {
                set_field::<1>(stream, i, (*code > 0) as u8);
            }
        };
        let format = Format::INT1.with_scale(scale)?;
        let parts = (&self.signs[..], &self.scales[..]);
        pack((self.n, self.k), self.group, format, parts, fields)
    }
}

/// Checks that there is one importance weight for each column, finite and at least 0.
pub(super) fn check_importance(importance: Option<&[f32]>, k: usize) -> Result<()> {
    let Some(importance) = importance else {
        return Ok(());
    };
    if importance.len() != k {
        return Err(Error::argument(
            "the number of importance weights",
            &k.to_string(),
            importance.len(),
        ));
    }
    match importance.iter().find(|h| !(h.is_finite() && **h >= 0.0)) {
        None => Ok(()),
        Some(h) => Err(Error::argument("an importance weight", "finite and at least 0", h)),
    }
}

/// Codes times the scales of their groups.
pub(super) fn values((n, k): (usize, usize), group: Group, codes: &[i8], scales: &[f32]) -> Result<Vec<f32>> {
    check_parts((n, k), group, codes, scales)?;
    let mut out: Vec<f32> = codes.iter().map(|&c| c as f32).collect();
    for (i, scale) in scales.iter().enumerate() {
        let (start, len) = group.run(n, k, i);
        out[start..start + len].iter_mut().for_each(|v| *v *= scale);
    }
    Ok(out)
}

/// Checks that there is a code for each weight and a scale for each group.
pub(super) fn check_parts((n, k): (usize, usize), group: Group, codes: &[i8], scales: &[f32]) -> Result<()> {
    let runs = group.runs(n, k)?;
    if codes.len() != n * k {
        return Err(Error::argument(
            "the number of codes",
            &(n * k).to_string(),
            codes.len(),
        ));
    }
    if scales.len() != runs {
        return Err(Error::argument("the number of scales", &runs.to_string(), scales.len()));
    }
    Ok(())
}

/// A matrix with one block for each group or row: the scale, then a stream of fields.
pub(super) fn pack(
    (n, k): (usize, usize),
    group: Group,
    format: Format,
    (codes, scales): (&[i8], &[f32]),
    fields: impl Fn(&[i8], &mut [u8]),
) -> Result<Matrix<'static>> {
    check_parts((n, k), group, codes, scales)?;
    let format = match group {
        Group::Len(g) if g < k => format.with_group(g)?,
        _ => format.with_group(Group::Row)?,
    };
    let (row_bytes, span) = (check_shape(format, n, k)?, format.block_span(k));
    let (_, scale_type) = format.float_fields()[0];
    let mut bytes = vec![0u8; n * row_bytes];
    let per_row = k.div_ceil(span);
    for (row, bytes) in bytes.chunks_exact_mut(row_bytes).enumerate() {
        fill_blocks(format, k, bytes, |start, len, block| {
            let scale = match group {
                Group::Tensor => scales[0],
                _ => scales[row * per_row + start / span],
            };
            let (header, stream) = block.split_at_mut(scale_type.bytes());
            store(format, scale, scale_type, header)?;
            fields(&codes[row * k + start..][..len], stream);
            Ok::<_, Error>(())
        })?;
    }
    Matrix::from_bytes(format, n, k, Cow::Owned(bytes))
}

/// Stores a scale; an error where it is infinite in this type.
pub(super) fn store(format: Format, scale: f32, kind: ScaleType, bytes: &mut [u8]) -> Result<()> {
    kind.store(scale, bytes).map_err(|e| e.of(format))
}

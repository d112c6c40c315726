//! Binary weights: Ŵ = α·sign(W). The α of least squared error is the mean of |W| (Rastegari et al., "XNOR-Net", 2016,
//! arXiv 1603.05279, equation 6); under importance weights h it is Σ h|w| / Σ h.

use crate::calibrate::affine::{Granularity, check};
use crate::formats::bits::set_field;
use crate::matrix::check_shape;
use crate::{Error, Format, Group, Matrix, Result, ScaleType, parallel};
use std::borrow::Cow;

/// `n` rows of `k` weights α or -α.
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    /// Rows.
    pub n: usize,
    /// Weights in a row.
    pub k: usize,
    /// Which weights share a scale.
    pub granularity: Granularity,
    /// `[n, k]`: 1 or -1, 1 where a weight is 0.
    pub signs: Vec<i8>,
    /// α of each tensor, row or group, row after row.
    pub scales: Vec<f32>,
}

/// The binary weights of least squared error. `importance` says how much the errors of each column matter, `k` numbers
/// that are not negative; where they are all 0, α is 0.
///
/// # Errors
/// [`Error::Length`], [`Error::Empty`] or [`Error::Argument`] where shape or importance do not fit,
/// [`Error::NotFinite`] where a weight is not finite.
pub fn quantize(
    w: &[f32],
    (n, k): (usize, usize),
    granularity: Granularity,
    importance: Option<&[f32]>,
) -> Result<Binary> {
    let runs = granularity.runs(n, k)?;
    check(w, n, k)?;
    check_importance(importance, k)?;
    let mut scales = vec![0f32; runs];
    parallel::chunks(
        &mut scales,
        1,
        || (),
        |i, scale, ()| {
            let (start, len) = granularity.run(n, k, i);
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
    Ok(Binary {
        n,
        k,
        granularity,
        signs,
        scales,
    })
}

impl Binary {
    /// The weights, `n` rows of `k`.
    ///
    /// # Errors
    /// [`Error::Argument`] where parts do not fit the shape.
    pub fn dequantize(&self) -> Result<Vec<f32>> {
        values((self.n, self.k), self.granularity, &self.signs, &self.scales)
    }

    /// The matrix of format `INT1`, its groups those of the scales (whole rows where these are the rows' or the
    /// tensor's), with scales of another type if asked.
    ///
    /// # Errors
    /// [`Error::Group`] where groups are no multiple of 8, [`Error::ScaleRange`] where a scale is infinite in this
    /// type, [`Error::Argument`] where parts do not fit the shape, [`Error::Scale`] for a type that the format cannot have.
    pub fn pack(&self, scale: ScaleType) -> Result<Matrix<'static>> {
        let fields = |codes: &[i8], stream: &mut [u8]| {
            for (i, code) in codes.iter().enumerate() {
                set_field::<1>(stream, i, (*code > 0) as u8);
            }
        };
        let format = Format::INT1.with_scale(scale)?;
        let parts = (&self.signs[..], &self.scales[..]);
        pack((self.n, self.k), self.granularity, format, parts, fields)
    }
}

/// That there is one importance weight for each column, finite and not negative.
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
        Some(h) => Err(Error::argument("an importance weight", "finite and not negative", h)),
    }
}

/// Codes times the scales of their runs.
pub(super) fn values(
    (n, k): (usize, usize),
    granularity: Granularity,
    codes: &[i8],
    scales: &[f32],
) -> Result<Vec<f32>> {
    check_parts((n, k), granularity, codes, scales)?;
    let mut out: Vec<f32> = codes.iter().map(|&c| c as f32).collect();
    for (i, scale) in scales.iter().enumerate() {
        let (start, len) = granularity.run(n, k, i);
        out[start..start + len].iter_mut().for_each(|v| *v *= scale);
    }
    Ok(out)
}

/// That there is a code for each weight and a scale for each run.
pub(super) fn check_parts(
    (n, k): (usize, usize),
    granularity: Granularity,
    codes: &[i8],
    scales: &[f32],
) -> Result<()> {
    let runs = granularity.runs(n, k)?;
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

/// A matrix of blocks that are a scale and then a stream of fields, one for each group, or each row.
pub(super) fn pack(
    (n, k): (usize, usize),
    granularity: Granularity,
    format: Format,
    (codes, scales): (&[i8], &[f32]),
    fields: impl Fn(&[i8], &mut [u8]),
) -> Result<Matrix<'static>> {
    check_parts((n, k), granularity, codes, scales)?;
    let format = match granularity {
        Granularity::Group(g) if g < k => format.with_group(g)?,
        _ => format.with_group(Group::Row)?,
    };
    let (row_bytes, span) = (check_shape(format, n, k)?, format.block_span(k));
    let (_, scale_type) = format.float_fields()[0];
    let mut bytes = vec![0u8; n * row_bytes];
    let per_row = k.div_ceil(span);
    for (row, bytes) in bytes.chunks_exact_mut(row_bytes).enumerate() {
        let mut rest = bytes;
        for (b, codes) in codes[row * k..(row + 1) * k].chunks(span).enumerate() {
            let (block, tail) = rest.split_at_mut(format.bytes_for(codes.len()));
            rest = tail;
            let scale = match granularity {
                Granularity::Tensor => scales[0],
                _ => scales[row * per_row + b],
            };
            let (header, stream) = block.split_at_mut(scale_type.bytes());
            store(format, scale, scale_type, header)?;
            fields(codes, stream);
        }
    }
    Matrix::from_bytes(format, n, k, Cow::Owned(bytes))
}

/// Stores a scale, where it is finite in this type.
pub(super) fn store(format: Format, scale: f32, kind: ScaleType, bytes: &mut [u8]) -> Result<()> {
    kind.store(scale, bytes).map_err(|e| e.of(format))
}

//! Groups with known scales and zero points, as blocks of a format.

use super::group::HqqGroup;
use crate::family::QuantizeError;
use crate::formats::bits::set_field_of;
use crate::formats::encode::fill_blocks;
use crate::{Dense, Format, Matrix, Result, ScaleType, parallel};

/// Blocks of a scale, a zero point, and the nearest codes for both as stored.
pub(super) fn pack(format: Format, bits: usize, dense: Dense, groups: &[HqqGroup]) -> Result<Matrix<'static>> {
    let (n, k, weights) = (dense.n(), dense.k(), dense.weights());
    let (row_bytes, span, header) = (format.row_bytes(k)?, format.block_span(k), format.bytes_for(0));
    let kind = format.float_fields().first().map_or(ScaleType::F16, |(_, kind)| *kind);
    let top = f64::from((1u32 << bits) - 1);
    let per_row = k.div_ceil(span);
    let mut bytes = vec![0u8; n * row_bytes];
    parallel::try_chunks(
        &mut bytes,
        row_bytes,
        || (),
        |row, bytes, ()| {
            fill_blocks(format, k, bytes, |start, len, block| {
                let weights = &weights[row * k + start..][..len];
                let group = &groups[row * per_row + start / span];
                let (head, fields) = block.split_at_mut(header);
                let (scale, zero) = head.split_at_mut(kind.bytes());
                kind.store((1.0 / group.s) as f32, scale)?;
                kind.store(group.z as f32, zero)?;
                let (scale, zero) = (f64::from(kind.load(scale)), f64::from(kind.load(zero)));
                for (i, &w) in weights.iter().enumerate() {
                    let level = if scale == 0.0 { 0.0 } else { f64::from(w) / scale };
                    let field = (level + zero).round_ties_even().clamp(0.0, top);
                    set_field_of(fields, bits, i, field as u8);
                }
                Ok(())
            })
        },
    )
    .map_err(|e: QuantizeError| e.of(format))?;
    Matrix::encoded(format, n, k, bytes)
}

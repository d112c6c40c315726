//! The searches for scales and codes that the formats' encoders share.

pub(crate) mod importance;
pub(crate) mod iq4_search;
pub(crate) mod k_search;
pub(crate) mod lattice;
pub(crate) mod range;
pub(crate) mod simple;

use crate::Format;

/// Calls `f(start, len, block)` for each block of one row of `k` weights, to fill it; the first error ends the row.
pub(crate) fn fill_blocks<E>(
    format: Format,
    k: usize,
    mut row: &mut [u8],
    mut f: impl FnMut(usize, usize, &mut [u8]) -> Result<(), E>,
) -> Result<(), E> {
    let span = format.block_span(k);
    for start in (0..k).step_by(span) {
        let len = span.min(k - start);
        let (block, rest) = row.split_at_mut(format.bytes_for(len));
        f(start, len, block)?;
        row = rest;
    }
    Ok(())
}

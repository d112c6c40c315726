//! IQ2_XXS, IQ2_XS and IQ2_S: points of 8 weights. The bytes are those of `formats/iq2_*.rs`.

use super::groups::{Again, LatticeSearch, Start, odd};
use super::points::Points;
use super::{error_weights, groups, odd_field, store_nibbles, store_scale};
use crate::family::QuantizeError;
use crate::formats::encode::importance::mean_square;
use crate::formats::encode::k_search::check_ranges;
use crate::formats::lattice::grids;
use std::sync::LazyLock;

static XXS: LazyLock<LatticeSearch<8>> = LazyLock::new(|| LatticeSearch {
    points: Points::new(&grids::IQ2_XXS, 2, 3, 2, odd),
    levels: 3,
    even_signs: true,
    least: 1e-15,
    start: Start::Even,
    tries: 6,
    step: 0.1,
    again: Again::All,
});

static XS: LazyLock<LatticeSearch<8>> = LazyLock::new(|| LatticeSearch {
    points: Points::new(&grids::IQ2_XS, 2, 3, 2, odd),
    levels: 3,
    even_signs: true,
    least: 1e-15,
    start: Start::Largest,
    tries: 9,
    step: 0.1,
    again: Again::Inexact,
});

static S: LazyLock<LatticeSearch<8>> = LazyLock::new(|| LatticeSearch {
    points: Points::new(&grids::IQ2_S, 2, 3, 1, odd),
    levels: 3,
    even_signs: false,
    least: 1e-8,
    start: Start::Largest,
    tries: 9,
    step: 0.1,
    again: Again::Inexact,
});

/// The weight of an error without importance, which ggml requires: as with importance 1 everywhere.
fn as_ones(spread: f32, x: f32) -> f32 {
    (spread + x * x).sqrt()
}

/// ggml's `quantize_iq2_xxs`.
pub(crate) fn iq2_xxs(weights: &[f32], importance: Option<&[f32]>, block: &mut [u8]) -> Result<(), QuantizeError> {
    check_ranges(weights, importance)?;
    block.fill(0);
    let spread = mean_square(weights, 1.0);
    let mut scales = [0f32; 8];
    let mut words = [[0u32; 2]; 8];
    for (g, (x, importance)) in groups::<32>(weights, importance).enumerate() {
        let group = XXS.search(x, &error_weights(x, importance, spread, as_ones));
        for l in 0..4 {
            words[g][0] |= u32::from(group.points[l]) << (8 * l);
            words[g][1] |= u32::from(group.signs[l] & 127) << (7 * l);
        }
        scales[g] = group.scale;
    }
    let Some(inverse) = store_scale(&scales, 1.0, block)? else {
        return Ok(());
    };
    for (g, [points, signs]) in words.into_iter().enumerate() {
        let field = u32::from(odd_field(scales[g], inverse, 15));
        let at = 2 + 8 * g;
        block[at..at + 4].copy_from_slice(&points.to_le_bytes());
        block[at + 4..at + 8].copy_from_slice(&(signs | field << 28).to_le_bytes());
    }
    Ok(())
}

/// ggml's `quantize_iq2_xs`.
pub(crate) fn iq2_xs(weights: &[f32], importance: Option<&[f32]>, block: &mut [u8]) -> Result<(), QuantizeError> {
    check_ranges(weights, importance)?;
    block.fill(0);
    let spread = mean_square(weights, 1.0);
    let mut scales = [0f32; 16];
    let mut words = [0u16; 32];
    for (g, (x, importance)) in groups::<16>(weights, importance).enumerate() {
        let group = XS.search(x, &error_weights(x, importance, spread, as_ones));
        for l in 0..2 {
            words[2 * g + l] = group.points[l] | u16::from(group.signs[l] & 127) << 9;
        }
        scales[g] = group.scale;
    }
    let Some(inverse) = store_scale(&scales, 1.0, block)? else {
        return Ok(());
    };
    for (bytes, word) in block[2..66].chunks_mut(2).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    store_nibbles(&scales, inverse, &mut block[66..]);
    Ok(())
}

/// ggml's `quantize_iq2_s`.
pub(crate) fn iq2_s(weights: &[f32], importance: Option<&[f32]>, block: &mut [u8]) -> Result<(), QuantizeError> {
    check_ranges(weights, importance)?;
    block.fill(0);
    let spread = mean_square(weights, 2.0);
    let mut scales = [0f32; 16];
    for (g, (x, importance)) in groups::<16>(weights, importance).enumerate() {
        let w = error_weights(x, importance, spread, |spread, x| 0.25 * spread + x * x);
        let group = S.search(x, &w);
        for l in 0..2 {
            let octet = 2 * g + l;
            block[2 + octet] = group.points[l] as u8;
            block[34 + octet] = group.signs[l];
            block[66 + octet / 4] |= ((group.points[l] >> 8) as u8) << (2 * (octet % 4));
        }
        scales[g] = group.scale;
    }
    if let Some(inverse) = store_scale(&scales, 0.9875, block)? {
        store_nibbles(&scales, inverse, &mut block[74..]);
    }
    Ok(())
}

//! IQ3_XXS and IQ3_S: points of 4 weights. The bytes are those of `formats/iq3_*.rs`.

use super::groups::{Again, LatticeSearch, Start, odd};
use super::points::Points;
use super::{error_weights, groups, odd_field, store_nibbles, store_scale};
use crate::family::QuantizeError;
use crate::formats::encode::importance::mean_square;
use crate::formats::encode::k_search::check_ranges;
use crate::formats::lattice::grids;
use std::sync::LazyLock;

static XXS: LazyLock<LatticeSearch<4>> = LazyLock::new(|| LatticeSearch {
    points: Points::new(&grids::IQ3_XXS, 3, 8, 2, odd),
    levels: 8,
    even_signs: true,
    least: 1e-8,
    start: Start::Largest,
    tries: 15,
    step: 0.2,
    again: Again::Inexact,
});

static S: LazyLock<LatticeSearch<4>> = LazyLock::new(|| LatticeSearch {
    points: Points::new(&grids::IQ3_S, 3, 8, 3, odd),
    levels: 8,
    even_signs: false,
    // Anything but zero.
    least: f32::from_bits(1),
    start: Start::Largest,
    tries: 9,
    step: 0.2,
    again: Again::AllIfInexact,
});

/// The weight of an error without importance.
fn square(_: f32, x: f32) -> f32 {
    x * x
}

/// ggml's `quantize_iq3_xxs`.
pub(crate) fn iq3_xxs(weights: &[f32], importance: Option<&[f32]>, block: &mut [u8]) -> Result<(), QuantizeError> {
    check_ranges(weights, importance)?;
    block.fill(0);
    let spread = mean_square(weights, 2.0);
    let mut scales = [0f32; 8];
    let mut words = [0u32; 8];
    for (g, (x, importance)) in groups::<32>(weights, importance).enumerate() {
        let group = XXS.search(x, &error_weights(x, importance, spread, square));
        for (byte, point) in block[2 + 8 * g..].iter_mut().zip(group.points) {
            *byte = point as u8;
        }
        for (l, signs) in group.signs.into_iter().enumerate() {
            words[g] |= u32::from(signs & 127) << (7 * l);
        }
        scales[g] = group.scale;
    }
    let Some(inverse) = store_scale(&scales, 1.0125, block)? else {
        block.fill(0);
        return Ok(());
    };
    for (g, word) in words.into_iter().enumerate() {
        let field = u32::from(odd_field(scales[g], inverse, 15));
        block[66 + 4 * g..70 + 4 * g].copy_from_slice(&(word | field << 28).to_le_bytes());
    }
    Ok(())
}

/// ggml's `quantize_iq3_s`, without its defect in blocks with 32 zeros.
pub(crate) fn iq3_s(weights: &[f32], importance: Option<&[f32]>, block: &mut [u8]) -> Result<(), QuantizeError> {
    check_ranges(weights, importance)?;
    block.fill(0);
    let spread = mean_square(weights, 2.0);
    let mut scales = [0f32; 8];
    for (g, (x, importance)) in groups::<32>(weights, importance).enumerate() {
        let group = S.search(x, &error_weights(x, importance, spread, square));
        for (k, point) in group.points.into_iter().enumerate() {
            block[2 + 8 * g + k] = point as u8;
            block[66 + g] |= ((point >> 8) as u8) << k;
        }
        block[74 + 4 * g..78 + 4 * g].copy_from_slice(&group.signs);
        scales[g] = group.scale;
    }
    if let Some(inverse) = store_scale(&scales, 1.033, block)? {
        store_nibbles(&scales, inverse, &mut block[106..]);
    }
    Ok(())
}

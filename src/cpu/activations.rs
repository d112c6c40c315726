//! Inputs rounded to 8-bit integers, a scale for each run of 32: what `Precision::I8` multiplies by.

use crate::simd::{self, at_level};
use fearless_simd::Level;

/// Inputs that share one scale.
pub(crate) const RUN: usize = 32;

/// Rows of inputs as integers and scales: input ≈ scale · code.
#[derive(Clone, Debug, PartialEq)]
pub struct Activations {
    /// Row after row, each padded with zeros to a multiple of 32.
    pub codes: Vec<i8>,
    /// One for each run of 32 codes.
    pub scales: Vec<f32>,
}

/// Rounds rows of `k` inputs as [`Precision::I8`](crate::Precision::I8) does on every device.
///
/// Of each run of 32, the last of a row being padded with zeros:
/// - the largest magnitude is that of the largest bits without sign, so NaN is over infinity and that
///   over all numbers. If it is no number it becomes the scale, and all codes are 0: what is multiplied
///   by them is NaN.
/// - else the scale is it times the f32 nearest to 1/127, or 0 with codes of 0 where that is subnormal;
/// - codes are x · (127 / largest), rounded to nearest, ties to even, within -127..=127.
///
/// # Panics
/// If `k` is 0 or `x` is no whole number of rows.
pub fn quantize_activations(x: &[f32], k: usize) -> Activations {
    assert!(
        k > 0 && x.len().is_multiple_of(k),
        "{} is no whole number of rows of {k}",
        x.len()
    );
    round_rows(simd::best(), x, k, RUN)
}

/// As [`quantize_activations`], rows being padded to a multiple of `padding`, itself one of 32.
pub(super) fn round_rows(level: Level, x: &[f32], k: usize, padding: usize) -> Activations {
    let padded = k.next_multiple_of(padding);
    let m = x.len() / k;
    let mut rounded = Activations {
        codes: vec![0; m * padded],
        scales: vec![0.0; m * padded / RUN],
    };
    let rows = rounded
        .codes
        .chunks_mut(padded)
        .zip(rounded.scales.chunks_mut(padded / RUN));
    for (x, (codes, scales)) in x.chunks(k).zip(rows) {
        round_row(level, x, codes, scales);
    }
    rounded
}

fn round_row(level: Level, x: &[f32], codes: &mut [i8], scales: &mut [f32]) {
    at_level!(level, _simd => {
        let (whole, rest) = x.as_chunks::<RUN>();
        for ((x, codes), scale) in whole
            .iter()
            .zip(codes.as_chunks_mut::<RUN>().0)
            .zip(&mut *scales)
        {
            *scale = round_run(x, codes);
        }
        if !rest.is_empty() {
            let mut last = [0f32; RUN];
            last[..rest.len()].copy_from_slice(rest);
            let at = whole.len();
            scales[at] = round_run(&last, &mut codes.as_chunks_mut::<RUN>().0[at]);
        }
    })
}

/// The scale and the codes of inputs that share one.
#[inline(always)]
pub(crate) fn round_run(x: &[f32], codes: &mut [i8]) -> f32 {
    let bits = x.iter().fold(0, |max, x| (x.to_bits() & 0x7fff_ffff).max(max));
    let largest = f32::from_bits(bits);
    if bits >= f32::INFINITY.to_bits() {
        codes.fill(0);
        return largest;
    }
    let scale = largest * (1.0 / 127.0);
    if scale < f32::MIN_POSITIVE {
        codes.fill(0);
        return 0.0;
    }
    let inverse = 127.0 / largest;
    for (code, x) in codes.iter_mut().zip(x) {
        *code = (x * inverse).round_ties_even().clamp(-127.0, 127.0) as i8;
    }
    scale
}

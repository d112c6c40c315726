//! The encoders of GGUF's IQ1, IQ2 and IQ3 formats, one function for each: a super-block of 256
//! weights to the bytes of a block.
//!
//! Their searches are ggml's (MIT licence), operation by operation, for the reason given in `k_search`, and produce
//! ggml's bytes. The exception is IQ3_S with 32 zero weights among nonzero ones, where ggml 0.26 shifts the rest of the
//! block and these do not.

mod groups;
mod iq1;
mod iq2;
mod iq3;
mod points;

pub(crate) use iq1::{iq1_m, iq1_s};
pub(crate) use iq2::{iq2_s, iq2_xs, iq2_xxs};
pub(crate) use iq3::{iq3_s, iq3_xxs};

use crate::family::QuantizeError;
use crate::formats::encode::importance::weigh;
use crate::formats::encode::k_search::nearest;
use crate::formats::encode::range::largest;
use crate::formats::f16;

/// The weight of each error of `x`: from importance or, without it, `otherwise` of `spread` and the weight.
fn error_weights<const G: usize>(
    x: &[f32; G],
    importance: Option<&[f32]>,
    spread: f32,
    otherwise: fn(f32, f32) -> f32,
) -> [f32; G] {
    let Some(importance) = importance else {
        return x.map(|x| otherwise(spread, x));
    };
    let mut w = [0f32; G];
    weigh(x, importance, spread, &mut w);
    w
}

/// The groups of `G` weights of a super-block, each with its importance.
fn groups<'a, const G: usize>(
    weights: &'a [f32],
    importance: Option<&'a [f32]>,
) -> impl Iterator<Item = (&'a [f32; G], Option<&'a [f32]>)> {
    let (groups, _) = weights.as_chunks::<G>();
    let of_group = move |g: usize| importance.map(|i| &i[G * g..G * g + G]);
    groups.iter().enumerate().map(move |(g, x)| (x, of_group(g)))
}

/// The field `0..=top` nearest to `scale`, where a field represents `(2 · field + 1) / inverse`.
fn odd_field(scale: f32, inverse: f32, top: i32) -> u8 {
    nearest(0.5 * (inverse * scale - 1.0)).clamp(0, top) as u8
}

/// Stores d at the beginning of the block, such that the largest scale is 31 d, times `factor`. Returns the inverse of
/// d without `factor`; `None` where no scale is above zero.
fn store_scale(scales: &[f32], factor: f32, block: &mut [u8]) -> Result<Option<f32>, QuantizeError> {
    let max = largest(scales);
    let d = max / 31.0;
    f16::store(block, 0, d * factor)?;
    Ok((max > 0.0).then_some(1.0 / d))
}

/// Stores two fields in each byte, the first in the low nibble.
fn store_nibbles(scales: &[f32], inverse: f32, bytes: &mut [u8]) {
    let field = |scale| odd_field(scale, inverse, 15);
    for (byte, pair) in bytes.iter_mut().zip(scales.chunks(2)) {
        *byte = field(pair[0]) | field(pair[1]) << 4;
    }
}

#[cfg(test)]
mod tests;

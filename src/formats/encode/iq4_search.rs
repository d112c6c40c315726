//! The search behind GGUF's IQ4 formats, after ggml's `quantize_row_iq4_nl_impl`.
//!
//! As in `k_search`, byte equality with ggml depends on the order of operations: sums run in f32 from the first weight
//! to the last, and products are rounded before they are added.

use crate::formats::encode::range::extreme;

/// The index of the level nearest to `x` among ascending levels; the higher one for a tie.
pub(crate) fn nearest(levels: &[f32; 16], x: f32) -> u8 {
    // The number of levels at or below x. The two around x are those before and at this index.
    let above = levels.iter().filter(|&&l| l <= x).count();
    match above {
        0 => 0,
        16 => 15,
        _ if x - levels[above - 1] < levels[above] - x => above as u8 - 1,
        _ => above as u8,
    }
}

/// Weights whose levels are searched together.
const RUN: usize = 32;

/// The level nearest to each of `x`, as in [`nearest`], among levels padded with two infinities. The loop over levels
/// is the outer one, so that the compiler compares a vector of weights with one level; a block runs this sixteen times.
fn nearest_levels(padded: &[f32; 18], x: &[f32; RUN]) -> [f32; RUN] {
    let mut above = [0u32; RUN];
    for level in &padded[1..17] {
        for (above, x) in above.iter_mut().zip(x) {
            *above += (level <= x) as u32;
        }
    }
    let mut nearest = [0f32; RUN];
    for (nearest, (x, above)) in nearest.iter_mut().zip(x.iter().zip(above)) {
        let (low, high) = (padded[above as usize], padded[above as usize + 1]);
        // The padding is infinitely far.
        *nearest = if x - low < high - x { low } else { high };
    }
    nearest
}

/// A scale, of either sign, with small errors `scale · level - x` weighted by `importance`, or by x² without it.
///
/// Starts with the largest magnitude at minus the first level, then tries 15 slightly different ratios and keeps the
/// one with the least weighted squared error at its own best scale.
pub(crate) fn scale(levels: &[f32; 16], x: &[f32], importance: Option<&[f32]>) -> f32 {
    let extreme = extreme(x);
    if extreme.abs() < 1e-15 {
        return 0.0;
    }
    let mut padded = [f32::NEG_INFINITY; 18];
    padded[1..17].copy_from_slice(levels);
    padded[17] = f32::INFINITY;
    let sums = |inverse: f32| {
        let (mut sum_qx, mut sum_q2) = (0f32, 0f32);
        for (run, x) in x.chunks(RUN).enumerate() {
            let mut scaled = [0f32; RUN];
            for (scaled, x) in scaled.iter_mut().zip(x) {
                *scaled = inverse * x;
            }
            let nearest = nearest_levels(&padded, &scaled);
            // Products are separate from sums, which have a fixed order.
            let mut products = [(0f32, 0f32); RUN];
            for (i, (products, (&x, q))) in products.iter_mut().zip(x.iter().zip(nearest)).enumerate() {
                let w = importance.map_or(x * x, |w| w[run * RUN + i]);
                *products = (w * q * x, w * q * q);
            }
            for (qx, q2) in &products[..x.len()] {
                sum_qx += qx;
                sum_q2 += q2;
            }
        }
        (sum_qx, sum_q2)
    };
    let (sum_qx, sum_q2) = sums(1.0 / (-extreme / levels[0]));
    // The sum is 0 where all importance is 0, or the squares of tiny weights have all underflowed.
    let mut scale = if sum_q2 > 0.0 { sum_qx / sum_q2 } else { 0.0 };
    let mut best = scale * sum_qx;
    for step in -7..=7 {
        let (sum_qx, sum_q2) = sums((step as f32 + levels[0]) / extreme);
        if sum_q2 > 0.0 && sum_qx * sum_qx > best * sum_q2 {
            scale = sum_qx / sum_q2;
            best = scale * sum_qx;
        }
    }
    scale
}

//! Levels at quantiles: of given values, and of the normal distribution for NF4.

use super::sorted::Sorted;
use super::{Codebook, Density, check, check_count};
use crate::{Error, Result};

/// The share of the normal distribution below the largest level of bitsandbytes' NF4: the mean of 1 - 1/30 and 1 - 1/32
/// (Dettmers et al., "QLoRA", 2023, arXiv 2305.14314; `create_normal_map`).
pub const NORMAL_FLOAT_OFFSET: f64 = 0.9677083;

/// `k` levels at the quantiles (i + 1/2)/k, i from 0: each level is the median of its share of the weighted values.
///
/// # Errors
/// Those of [`lloyd`](super::lloyd), and [`Error::Argument`](crate::Error::Argument) where `k` is not 1 to 65536.
pub fn quantiles(values: &[f32], weights: Option<&[f32]>, k: usize) -> Result<Codebook> {
    check_count(k)?;
    check(values, weights)?;
    let sorted = Sorted::new(values, weights);
    let total = sorted.weight_before(sorted.values.len());
    let mut levels = Vec::with_capacity(k);
    let mut at = 0;
    for i in 0..k {
        let below = total * (i as f64 + 0.5) / k as f64;
        while at + 1 < sorted.values.len() && sorted.weight_before(at + 1) <= below {
            at += 1;
        }
        levels.push(sorted.values[at]);
    }
    Codebook::new(levels)
}

/// QLoRA's NormalFloat of `bits` bits, 2 to 8: 2^(bits-1) quantiles of N(0, 1) above 0, one fewer below, and 0 itself,
/// divided by the largest. Four bits with an `offset` of [`NORMAL_FLOAT_OFFSET`] give NF4.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) for other bits, or an offset outside (1/2, 1).
pub fn normal_float(bits: u32, offset: f64) -> Result<Codebook> {
    if !(2..=8).contains(&bits) {
        return Err(Error::argument("bits", "2 to 8", bits));
    }
    if !(offset > 0.5 && offset < 1.0) {
        return Err(Error::argument("the offset", "between 0.5 and 1", offset));
    }
    let half = 1 << (bits - 1);
    // `count` quantiles, equally spaced in probability between 1/2, which is excluded, and the offset.
    let side = |count: usize| {
        (0..count).map(move |i| {
            let share = (offset - 0.5) * (count - i) as f64 / count as f64;
            Density::Normal.quantile(share)
        })
    };
    let largest = Density::Normal.quantile(offset - 0.5);
    let below = side(half - 1).map(|q| -q / largest);
    let above = side(half).map(|q| q / largest);
    let levels = below.chain([0.0]).chain(above).map(|l| l as f32).collect();
    Codebook::new(levels)
}

//! The largest of many numbers.

use super::rows;
use crate::{Error, Result};

/// The order of numbers in which the largest are taken: NaN before all others, so that it shows, +0 before -0.
fn key(v: f32) -> u32 {
    match v.to_bits() {
        _ if v.is_nan() => u32::MAX,
        bits if bits >> 31 == 1 => !bits,
        bits => bits | 1 << 31,
    }
}

/// The `k` largest of each row of `n` numbers and where they are, largest first; of equal ones the first. NaN counts as
/// larger than any number. Returns values and indices, both \[rows, k\].
///
/// # Errors
/// [`Error::Inputs`] where x is not whole rows, [`Error::Argument`] where k is 0 or over n.
pub fn top_k(x: &[f32], n: usize, k: usize) -> Result<(Vec<f32>, Vec<u32>)> {
    check(n, k)?;
    let (mut values, mut ids) = (Vec::new(), Vec::new());
    for row in rows(x, n)? {
        let mut order: Vec<u32> = (0..n as u32).collect();
        let by = |i: &u32| (std::cmp::Reverse(key(row[*i as usize])), *i);
        order.select_nth_unstable_by_key(k - 1, by);
        order.truncate(k);
        order.sort_unstable_by_key(by);
        values.extend(order.iter().map(|i| row[*i as usize]));
        ids.extend(order);
    }
    Ok((values, ids))
}

pub(crate) fn check(n: usize, k: usize) -> Result<()> {
    match (1..=n).contains(&k) {
        true => Ok(()),
        false => Err(Error::Argument {
            what: "the largest numbers that are wanted",
            allowed: format!("1 to {n}"),
            got: k.to_string(),
        }),
    }
}

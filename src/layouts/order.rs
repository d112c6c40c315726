//! Act-order: columns whose groups are not consecutive.

use super::fields::{bytes, size, word};
use crate::Result;
use crate::linear::part;

/// The order of columns in which groups are consecutive, from the group of each column (`k` i32): a permutation for
/// [`Linear::with_permutation`](crate::Linear::with_permutation). Columns of a group stay in order.
///
/// `None` if groups are consecutive already. Files without act-order can have all zeros or all -1 here.
pub(super) fn by_group(at: &str, g_idx: Option<&[u8]>, k: usize, group: usize) -> Result<Option<Vec<u32>>> {
    let Some(g_idx) = g_idx else {
        return Ok(None);
    };
    bytes(at, size(&[k, 4]), g_idx)?;
    let groups = k.div_ceil(group);
    let of = |j: usize| word(g_idx, j) as i32;
    let all = |value: i32| (0..k).all(|j| of(j) == value);
    if all(0) || all(-1) || (0..k).all(|j| of(j) as usize == j / group) {
        return Ok(None);
    }
    let mut sizes = vec![0usize; groups];
    for j in 0..k {
        match usize::try_from(of(j)).ok().and_then(|g| sizes.get_mut(g)) {
            Some(size) => *size += 1,
            None => {
                let expected = format!("a group under {groups}");
                return Err(part(at, format!("number {j}"), expected, of(j)));
            }
        }
    }
    for (g, &got) in sizes.iter().enumerate() {
        let expected = group.min(k - g * group);
        if got != expected {
            return Err(part(at, format!("columns of group {g}"), expected, got));
        }
    }
    let mut order: Vec<u32> = (0..k as u32).collect();
    order.sort_by_key(|&j| of(j as usize));
    Ok(Some(order))
}

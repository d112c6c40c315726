//! The weights of each group, for functions that work on one group at a time.

use super::same_length;
use crate::matrix::finite;
use crate::{Error, Group, Result, parallel};
use std::ops::Range;

/// Consecutive weights that share one scale. Groups do not cross rows, so the last group of a row can be shorter, as in
/// the blocks of a [`Matrix`](crate::Matrix). Scales are in the order of their weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupRanges {
    /// Weights in one row.
    k: usize,
    /// Weights that share a scale, at most `k`.
    group: usize,
}

impl GroupRanges {
    /// The groups of `len` weights in rows of `k`.
    ///
    /// # Errors
    /// [`Error::Argument`] where `k` or the group is 0, [`Error::Length`] where `len` is not whole rows.
    pub fn new(k: usize, group: Group, len: usize) -> Result<GroupRanges> {
        let in_group = match group {
            Group::Len(len) => len,
            Group::Row | Group::Tensor => k,
        };
        for (what, got) in [("k", k), ("group", in_group)] {
            if got == 0 {
                return Err(Error::argument(what, "at least 1", got));
            }
        }
        same_length("weights", (len / k).max(1) * k, len)?;
        Ok(match group {
            // The tensor is one long row.
            Group::Tensor => GroupRanges { k: len, group: len },
            Group::Row | Group::Len(_) => GroupRanges {
                k,
                group: in_group.min(k),
            },
        })
    }

    /// The number of groups in `len` weights, whole rows.
    fn count(&self, len: usize) -> usize {
        len / self.k * self.in_row()
    }

    fn in_row(&self) -> usize {
        self.k.div_ceil(self.group)
    }

    /// The weights of each group of row 0.
    fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        let GroupRanges { k, group } = *self;
        (0..k).step_by(group).map(move |s| s..(s + group).min(k))
    }

    /// [`Error::Length`] where `scales` are not one for each group of `len` weights.
    pub fn fits(&self, what: &'static str, len: usize, scales: usize) -> Result<()> {
        same_length(what, self.count(len), scales)
    }

    /// [`Error::NotFinite`] where a number is NaN or infinite.
    pub fn finite(&self, what: &'static str, v: &[f32]) -> Result<()> {
        finite(what, v, self.k)
    }

    /// One number for each group, `f(group, its weights)`.
    pub fn reduce(&self, len: usize, f: impl Fn(usize, Range<usize>) -> f32 + Sync + Send) -> Result<Vec<f32>> {
        let mut out = vec![0f32; self.count(len)];
        let in_row = self.in_row();
        parallel::chunks(
            &mut out,
            in_row,
            || (),
            |row, out, ()| {
                for (g, (out, range)) in out.iter_mut().zip(self.ranges()).enumerate() {
                    let start = row * self.k;
                    *out = f(row * in_row + g, start + range.start..start + range.end);
                }
            },
        );
        Ok(out)
    }

    /// One value for each of `from`; `of(group)` returns the function for a group.
    pub fn map<A: Copy + Sync, T: Send + Clone + Default, F: Fn(A) -> T>(
        &self,
        from: &[A],
        of: impl Fn(usize) -> F + Sync + Send,
    ) -> Result<Vec<T>> {
        self.fill(from.len(), |group, range, out| {
            let f = of(group);
            out.iter_mut().zip(&from[range]).for_each(|(out, a)| *out = f(*a));
        })
    }

    /// Like [`map`](GroupRanges::map), for two slices of the same length.
    pub fn zip<A: Copy + Sync, B: Copy + Sync, T, F: Fn(A, B) -> T>(
        &self,
        a: &[A],
        b: &[B],
        of: impl Fn(usize) -> F + Sync + Send,
    ) -> Result<Vec<T>>
    where
        T: Send + Clone + Default,
    {
        self.fill(a.len(), |group, range, out| {
            let f = of(group);
            let pairs = a[range.clone()].iter().zip(&b[range]);
            out.iter_mut().zip(pairs).for_each(|(out, (a, b))| *out = f(*a, *b));
        })
    }

    fn fill<T: Send + Clone + Default>(
        &self,
        len: usize,
        f: impl Fn(usize, Range<usize>, &mut [T]) + Sync + Send,
    ) -> Result<Vec<T>> {
        let mut out = vec![T::default(); len];
        let in_row = self.in_row();
        parallel::chunks(
            &mut out,
            self.k,
            || (),
            |row, out, ()| {
                let start = row * self.k;
                for (g, range) in self.ranges().enumerate() {
                    let weights = start + range.start..start + range.end;
                    f(row * in_row + g, weights, &mut out[range]);
                }
            },
        );
        Ok(out)
    }
}

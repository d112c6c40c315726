//! Which weights share a scale.

use super::same_length;
use crate::matrix::finite;
use crate::{Error, Result, parallel};
use std::ops::Range;

/// Runs of consecutive weights that share one scale. They never cross a row, so the last run of a row may be
/// short, as in the blocks of a [`Matrix`](crate::Matrix). Scales are in the order of their weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Weights in one row.
    k: usize,
    /// Weights that share a scale, at most `k`.
    group: usize,
}

impl Groups {
    /// One scale for every `group` weights of a row of `k`.
    ///
    /// # Errors
    /// [`Error::Argument`] where either is 0.
    pub fn new(k: usize, group: usize) -> Result<Groups> {
        for (what, got) in [("k", k), ("group", group)] {
            if got == 0 {
                return Err(Error::Argument {
                    what,
                    allowed: "at least 1".into(),
                    got: got.to_string(),
                });
            }
        }
        let group = group.min(k);
        Ok(Groups { k, group })
    }

    /// One scale for each row of `k` weights.
    ///
    /// # Errors
    /// [`Error::Argument`] where `k` is 0.
    pub fn rows(k: usize) -> Result<Groups> {
        Groups::new(k, k)
    }

    /// One scale for a whole tensor of `len` weights.
    ///
    /// # Errors
    /// [`Error::Argument`] where `len` is 0.
    pub fn tensor(len: usize) -> Result<Groups> {
        Groups::new(len, len)
    }

    /// Scales of `len` weights.
    ///
    /// # Errors
    /// [`Error::Length`] where these are no whole rows.
    pub fn count(&self, len: usize) -> Result<usize> {
        let rows = len / self.k;
        same_length("weights", rows.max(1) * self.k, len)?;
        Ok(rows * self.in_row())
    }

    fn in_row(&self) -> usize {
        self.k.div_ceil(self.group)
    }

    /// Which weights the groups of one row are, row 0 being at 0.
    fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        let Groups { k, group } = *self;
        (0..k).step_by(group).map(move |s| s..(s + group).min(k))
    }

    /// [`Error::Length`] where `scales` are not one for each group of `len` weights.
    pub(super) fn fits(&self, what: &'static str, len: usize, scales: usize) -> Result<()> {
        same_length(what, self.count(len)?, scales)
    }

    /// [`Error::NotFinite`] where a number, of whatever it is, is infinite or not a number.
    pub(super) fn finite(&self, what: &'static str, v: &[f32]) -> Result<()> {
        finite(what, v, self.k)
    }

    /// One number for each group, `f(group, its weights)`.
    pub(super) fn reduce(&self, len: usize, f: impl Fn(usize, Range<usize>) -> f32 + Sync + Send) -> Result<Vec<f32>> {
        let mut out = vec![0f32; self.count(len)?];
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

    /// One value for each of `from`; `of(group)` is the function of a group.
    pub(super) fn map<A: Copy + Sync, T: Send + Clone + Default, F: Fn(A) -> T>(
        &self,
        from: &[A],
        of: impl Fn(usize) -> F + Sync + Send,
    ) -> Result<Vec<T>> {
        self.fill(from.len(), |group, range, out| {
            let f = of(group);
            out.iter_mut().zip(&from[range]).for_each(|(out, a)| *out = f(*a));
        })
    }

    /// As [`map`](Groups::map), of two slices of one length.
    pub(super) fn zip<A: Copy + Sync, B: Copy + Sync, T, F: Fn(A, B) -> T>(
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
        self.count(len)?;
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

//! One observer for each group of columns: the inputs of a layer by channel.

use super::Observer;
use crate::calibrate::affine::{QuantParams, Scheme, ValueRange};
use crate::matrix::finite;
use crate::{Error, Result};

/// Observes rows of `k` values with one observer for each group of `group` columns (the last group may be shorter).
#[derive(Clone, Debug)]
pub struct Columns<O> {
    k: usize,
    group: usize,
    observers: Vec<O>,
}

impl<O: Observer> Columns<O> {
    /// `observer` makes the observer of each group. A group of 1 is one channel, a group of `k` the whole row.
    ///
    /// # Errors
    /// [`Error::Argument`] where `k` or `group` is 0, and for more than 2^24 groups.
    pub fn new(k: usize, group: usize, observer: impl FnMut() -> O) -> Result<Columns<O>> {
        if k == 0 {
            return Err(Error::argument("the number of columns", "at least 1", k));
        }
        if group == 0 {
            return Err(Error::argument("a group", "at least 1 column", group));
        }
        let groups = k.div_ceil(group);
        if groups > 1 << 24 {
            return Err(Error::argument("groups of columns", "1 to 16777216", groups));
        }
        let observers = std::iter::repeat_with(observer).take(groups).collect();
        Ok(Columns { k, group, observers })
    }

    /// Observes any number of rows of `k` values.
    ///
    /// # Errors
    /// [`Error::Inputs`] where `x` is not whole rows, [`Error::NotFinite`] where a value is NaN or infinite, with its
    /// row and column. After an error nothing was observed.
    pub fn observe(&mut self, x: &[f32]) -> Result<()> {
        if !x.len().is_multiple_of(self.k) {
            return Err(Error::Inputs {
                k: self.k,
                got: x.len(),
            });
        }
        finite("input", x, self.k)?;
        let mut batch = Vec::new();
        for (i, observer) in self.observers.iter_mut().enumerate() {
            let columns = i * self.group..self.k.min((i + 1) * self.group);
            batch.clear();
            for row in x.chunks_exact(self.k) {
                batch.extend_from_slice(&row[columns.clone()]);
            }
            observer.observe(&batch)?;
        }
        Ok(())
    }

    /// The range of each group of columns.
    ///
    /// # Errors
    /// Those of the observer's [`range`](Observer::range).
    pub fn ranges(&self) -> Result<Vec<ValueRange>> {
        self.observers.iter().map(Observer::range).collect()
    }

    /// Scale and zero point of each group of columns.
    ///
    /// # Errors
    /// Those of `ranges` and of [`QuantParams::from_range`].
    pub fn quant_params(&self, scheme: Scheme, bits: u32) -> Result<Vec<QuantParams>> {
        let ranges = self.ranges()?;
        ranges
            .into_iter()
            .map(|range| QuantParams::from_range(range, scheme, bits))
            .collect()
    }
}

//! The largest magnitude of each input channel, over any number of batches.

use crate::dense::inputs;
use crate::{Error, Result};

/// The largest magnitude of each of the `k` input channels of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelMaxima {
    k: usize,
    /// Empty before the first row, so that `k` alone allocates nothing.
    maxima: Vec<f32>,
    rows: u64,
}

impl ChannelMaxima {
    /// The maxima of `k` channels, before any input.
    pub fn new(k: usize) -> Self {
        ChannelMaxima {
            k,
            maxima: Vec::new(),
            rows: 0,
        }
    }

    /// Observes `x`, rows of k floats.
    ///
    /// # Errors
    /// [`Error::Inputs`] where `x` is not whole rows, [`Error::Argument`] where an input is NaN or infinite. After an
    /// error nothing was observed.
    pub fn add(&mut self, x: &[f32]) -> Result<()> {
        let rows = inputs(self.k, x)?;
        if rows == 0 {
            return Ok(());
        }
        self.rows += rows as u64;
        self.maxima.resize(self.k, 0.0);
        for row in x.chunks_exact(self.k) {
            for (max, x) in self.maxima.iter_mut().zip(row) {
                *max = max.max(x.abs());
            }
        }
        Ok(())
    }

    /// The number of channels.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The largest magnitude of each channel.
    ///
    /// # Errors
    /// [`Error::Argument`] where no row was observed.
    pub fn maxima(&self) -> Result<&[f32]> {
        match self.rows {
            0 => Err(Error::argument("the number of input rows observed", "at least 1", "0")),
            _ => Ok(&self.maxima),
        }
    }
}

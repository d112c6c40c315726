//! The largest magnitude of each input channel, over any number of batches.

use crate::dense::inputs;
use crate::{Error, Result};

/// Largest magnitudes of the `k` channels of a layer's inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelMaxima {
    k: usize,
    /// None before the first row: a k that no row has takes no memory.
    maxima: Vec<f32>,
    rows: u64,
}

impl ChannelMaxima {
    /// Of `k` channels, none of which was seen yet.
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
    /// [`Error::Inputs`] where `x` is no whole number of rows, [`Error::Argument`] where it is not finite;
    /// then none of it counts.
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

    /// Channels.
    pub fn k(&self) -> usize {
        self.k
    }

    /// One for each channel.
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

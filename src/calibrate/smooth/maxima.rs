//! The largest magnitude of each input channel, over any number of batches.

use crate::calibrate::inputs;
use crate::{Error, Result};

/// Largest magnitudes of the `k` channels of a layer's inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelMaxima {
    maxima: Vec<f32>,
    rows: u64,
}

impl ChannelMaxima {
    /// Of `k` channels, none of which was seen yet.
    pub fn new(k: usize) -> Self {
        ChannelMaxima {
            maxima: vec![0.0; k],
            rows: 0,
        }
    }

    /// Observes `x`, rows of k floats.
    ///
    /// # Errors
    /// [`Error::Inputs`] where `x` is no whole number of rows, [`Error::Argument`] where it is not finite;
    /// then none of it counts.
    pub fn add(&mut self, x: &[f32]) -> Result<()> {
        self.rows += inputs(self.k(), x)? as u64;
        for row in x.chunks_exact(self.maxima.len()) {
            for (max, x) in self.maxima.iter_mut().zip(row) {
                *max = max.max(x.abs());
            }
        }
        Ok(())
    }

    /// Channels.
    pub fn k(&self) -> usize {
        self.maxima.len()
    }

    /// One for each channel.
    ///
    /// # Errors
    /// [`Error::Argument`] where no row was observed.
    pub fn maxima(&self) -> Result<&[f32]> {
        match self.rows {
            0 => Err(Error::argument(
                "the number of input rows observed",
                "at least 1",
                "0",
            )),
            _ => Ok(&self.maxima),
        }
    }
}

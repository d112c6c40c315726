//! A histogram with bins of equal width, symmetric about 0 or from 0 upwards, whose range grows by powers of two.
//!
//! ONNX Runtime and pytorch-quantization append bins without limit where a later batch exceeds the first. Here the
//! range doubles and adjacent bins are merged, so their number is constant.

use super::{extremes, union};
use crate::Result;
use crate::calibrate::affine::ValueRange;

/// The most bins of a histogram; tools take some thousands.
pub(super) const MOST: usize = 1 << 20;

/// A histogram over [-end, end], or over [0, end] of magnitudes.
#[derive(Clone, Debug)]
pub(super) struct Bins {
    /// The number of values in each bin, and their sum: where one value represents a bin, it is the mean.
    pub counts: Vec<u64>,
    pub sums: Vec<f64>,
    pub magnitudes: bool,
    pub end: f64,
    /// The extremes of all values, with their signs.
    pub seen: Option<ValueRange>,
}

impl Bins {
    /// `count` bins, of magnitudes or of both signs; a multiple of 4, so that halves can be halved.
    pub fn new(count: usize, magnitudes: bool) -> Bins {
        let count = count.clamp(4, MOST).next_multiple_of(4);
        Bins {
            counts: vec![0; count],
            sums: vec![0.0; count],
            magnitudes,
            end: 0.0,
            seen: None,
        }
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Where bin `i` begins.
    pub fn edge(&self, i: usize) -> f64 {
        let share = i as f64 / self.counts.len() as f64;
        if self.magnitudes {
            self.end * share
        } else {
            self.end * (2.0 * share - 1.0)
        }
    }

    pub fn add(&mut self, batch: &[f32]) -> Result<()> {
        let Some(range) = extremes(batch)? else {
            return Ok(());
        };
        let largest = range.hi.max(-range.lo) as f64;
        if self.end == 0.0 && largest > 0.0 {
            // All values so far were 0.
            let zeros = self.total();
            self.end = largest;
            self.counts.fill(0);
            let middle = self.bin(0.0);
            self.counts[middle] = zeros;
        }
        while self.end < largest {
            self.stretch();
        }
        for &x in batch {
            let x = if self.magnitudes { x.abs() } else { x } as f64;
            let bin = self.bin(x);
            self.counts[bin] += 1;
            self.sums[bin] += x;
        }
        self.seen = Some(union(self.seen, range));
        Ok(())
    }

    fn bin(&self, x: f64) -> usize {
        if self.end == 0.0 {
            return 0;
        }
        let share = if self.magnitudes {
            x / self.end
        } else {
            0.5 + 0.5 * x / self.end
        };
        // The last bin includes its upper edge.
        ((share * self.counts.len() as f64) as usize).min(self.counts.len() - 1)
    }

    /// Doubles the range and merges bins in pairs.
    fn stretch(&mut self) {
        let count = self.counts.len();
        let first = if self.magnitudes { 0 } else { count / 4 };
        let (mut counts, mut sums) = (vec![0; count], vec![0.0; count]);
        for i in 0..count {
            counts[first + i / 2] += self.counts[i];
            sums[first + i / 2] += self.sums[i];
        }
        (self.counts, self.sums) = (counts, sums);
        self.end *= 2.0;
    }
}

//! PyTorch's `HistogramObserver` (`torch.ao.quantization.observer`): a histogram between the extremes, re-binned
//! whenever they grow, and a greedy search from both ends for the range of least squared error.
//!
//! Each step moves one end inwards to the next quantile, the one that is further away in bins, as long as the error
//! falls. The error assumes that values are uniform within each bin, with codes evenly spaced over the range.

use super::bins::MOST;
use super::{Observer, extremes, nothing_seen, union};
use crate::calibrate::affine::ValueRange;
use crate::setters::setters;
use crate::{Error, Result};

/// The range of least squared error under `2^bits` codes.
#[derive(Clone, Debug)]
pub struct Histogram {
    /// Bits of a code, 2 to 8.
    pub bits: u32,
    /// Parts into which a bin is split for re-binning, at least 1; 16 in PyTorch.
    pub upsample: usize,
    counts: Vec<f64>,
    seen: Option<ValueRange>,
}

setters!(Histogram { with_bits: bits: u32, with_upsample: upsample: usize });

impl Histogram {
    /// For codes of `bits` bits, with 2048 bins of 16 parts each.
    pub fn new(bits: u32) -> Histogram {
        Histogram::with_bins(bits, 2048)
    }

    /// The same with `bins` bins, clamped to 1 to 2^20.
    pub fn with_bins(bits: u32, bins: usize) -> Histogram {
        Histogram {
            bits,
            upsample: 16,
            counts: vec![0.0; bins.clamp(1, MOST)],
            seen: None,
        }
    }

    /// The width of a bin.
    fn width(&self, range: ValueRange) -> f64 {
        (range.hi as f64 - range.lo as f64) / self.counts.len() as f64
    }

    fn bin(&self, range: ValueRange, x: f64) -> usize {
        let width = self.width(range);
        if width == 0.0 {
            return 0;
        }
        // The last bin includes its upper edge.
        (((x - range.lo as f64) / width).max(0.0) as usize).min(self.counts.len() - 1)
    }

    /// The counts re-binned to a wider range: each part of a bin moves to the bin that contains its middle.
    fn moved(&self, from: ValueRange, to: ValueRange) -> Vec<f64> {
        let mut moved = vec![0.0; self.counts.len()];
        let width = self.width(from);
        if width == 0.0 {
            moved[self.bin(to, from.lo as f64)] = self.counts.iter().sum();
            return moved;
        }
        let parts = self.upsample.max(1);
        for (i, count) in self.counts.iter().enumerate().filter(|(_, c)| **c > 0.0) {
            for part in 0..parts {
                let middle = i as f64 + (part as f64 + 0.5) / parts as f64;
                moved[self.bin(to, from.lo as f64 + width * middle)] += count / parts as f64;
            }
        }
        moved
    }

    /// The squared error with codes over the bins `start..=end`, as PyTorch approximates it: for a bin whose two ends
    /// have different codes, the part in the first code's interval, the whole intervals between, and the part in the
    /// last one.
    fn error(&self, width: f64, start: usize, end: usize) -> f64 {
        let codes = (1u32 << self.bits) as f64;
        let step = width * (end - start + 1) as f64 / codes;
        let cubes = |from: f64, to: f64| (to.powi(3) - from.powi(3)) / 3.0;
        let mut error = 0.0;
        for (i, count) in self.counts.iter().enumerate().filter(|(_, c)| **c > 0.0) {
            let begins = (i as f64 - start as f64) * width;
            let ends = begins + width;
            let first = (begins / step).floor().clamp(0.0, codes - 1.0);
            let last = (ends / step).floor().clamp(0.0, codes - 1.0);
            let middle = |code: f64| (code + 0.5) * step;
            let spread = cubes(begins - middle(first), step / 2.0)
                + (last - first - 1.0) * cubes(-step / 2.0, step / 2.0)
                + cubes(-step / 2.0, ends - middle(last));
            error += count / width * spread;
        }
        error
    }
}

impl Observer for Histogram {
    fn observe(&mut self, batch: &[f32]) -> Result<()> {
        let Some(range) = extremes(batch)? else {
            return Ok(());
        };
        let range = union(self.seen, range);
        if let Some(seen) = self.seen.filter(|seen| *seen != range) {
            self.counts = self.moved(seen, range);
        }
        self.seen = Some(range);
        for &x in batch {
            let bin = self.bin(range, x as f64);
            self.counts[bin] += 1.0;
        }
        Ok(())
    }

    fn range(&self) -> Result<ValueRange> {
        let seen = self.seen.ok_or_else(nothing_seen)?;
        if !(2..=8).contains(&self.bits) {
            return Err(Error::argument("bits", "2 to 8", self.bits));
        }
        let width = self.width(seen);
        if width == 0.0 {
            return Ok(seen);
        }
        // The step of the search, as a share of all values.
        const STEP: f64 = 1e-5;
        let total: f64 = self.counts.iter().sum();
        let mut up_to = self.counts.clone();
        for i in 1..up_to.len() {
            up_to[i] += up_to[i - 1];
        }
        let (mut alpha, mut beta) = (0.0, 1.0);
        let (mut start, mut end) = (0, self.counts.len() - 1);
        let mut least = f64::INFINITY;
        while alpha < beta {
            let (next_alpha, next_beta) = (alpha + STEP, beta - STEP);
            let (mut left, mut right) = (start, end);
            while left < end && up_to[left] < next_alpha * total {
                left += 1;
            }
            while right > start && up_to[right] > next_beta * total {
                right -= 1;
            }
            let (mut next_start, mut next_end) = (start, end);
            if left - start > end - right {
                (next_start, alpha) = (left, next_alpha);
            } else {
                (next_end, beta) = (right, next_beta);
            }
            if (next_start, next_end) == (start, end) {
                continue;
            }
            let error = self.error(width, next_start, next_end);
            if error > least {
                break;
            }
            (least, start, end) = (error, next_start, next_end);
        }
        Ok(ValueRange {
            lo: (seen.lo as f64 + width * start as f64) as f32,
            hi: (seen.lo as f64 + width * (end + 1) as f64) as f32,
        })
    }
}

//! A softmax that is computed as its scores come in: nothing is kept but the largest score, the sum of exponentials and
//! the weighted sum, rescaled whenever a larger score comes.

/// The state of one query.
pub(super) struct Online {
    top: f32,
    total: f64,
    /// Σ exp(score - top) · value.
    pub sum: Vec<f64>,
    /// The same of a few tokens, in f32.
    few: Vec<f32>,
}

impl Online {
    pub fn new(width: usize) -> Online {
        Online {
            top: f32::NEG_INFINITY,
            total: 0.0,
            sum: vec![0.0; width],
            few: vec![0.0; width],
        }
    }

    /// Takes part with a score that has no value.
    pub fn sink(&mut self, score: f32) {
        self.rescale(score);
        self.total += f64::from(score - self.top).exp();
    }

    /// Adds tokens: their scores, and `width` levels of each.
    pub fn add(&mut self, scores: &[f32], levels: &[f32]) {
        // NaN is larger than nothing, and shows in the weights.
        let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        self.rescale(top);
        let width = self.sum.len();
        self.few.fill(0.0);
        for (score, levels) in scores.iter().zip(levels.chunks_exact(width)) {
            let weight = (score - self.top).exp();
            self.total += f64::from(weight);
            for (few, level) in self.few.iter_mut().zip(levels) {
                *few += weight * level;
            }
        }
        for (sum, few) in self.sum.iter_mut().zip(&self.few) {
            *sum += f64::from(*few);
        }
    }

    fn rescale(&mut self, top: f32) {
        if top > self.top {
            let factor = f64::from(self.top - top).exp();
            self.total *= factor;
            self.sum.iter_mut().for_each(|sum| *sum *= factor);
            self.top = top;
        }
    }

    /// The weighted mean.
    pub fn finish(mut self) -> Vec<f64> {
        self.sum.iter_mut().for_each(|sum| *sum /= self.total);
        self.sum
    }
}

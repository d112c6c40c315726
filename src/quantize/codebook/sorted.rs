//! Sorted values with prefix sums, so that the error of an interval of values with one level takes a few subtractions
//! (as in Wu, "Optimal quantization by matrix searching", 1991).

/// Distinct values in ascending order, and the sums of weight, weight · value and weight · value² over the values
/// before each `i`. The mean is subtracted from the values first, so that differences of sums lose little precision.
pub(super) struct Sorted {
    pub values: Vec<f32>,
    mean: f64,
    sums: Vec<[f64; 3]>,
}

impl Sorted {
    /// Sorts values and weights that have been checked. Values of weight 0 are left out.
    pub fn new(values: &[f32], weights: Option<&[f32]>) -> Sorted {
        let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
        let mut pairs: Vec<(f32, f32)> = values
            .iter()
            .enumerate()
            .map(|(i, &x)| (x, weight(i)))
            .filter(|(_, w)| *w > 0.0)
            .collect();
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let total = pairs.iter().map(|p| p.1 as f64).sum::<f64>();
        let mean = pairs.iter().map(|p| p.0 as f64 * p.1 as f64).sum::<f64>() / total;
        let mut sorted = Sorted {
            values: Vec::new(),
            mean,
            sums: vec![[0.0; 3]],
        };
        let mut sums = [0f64; 3];
        for run in pairs.chunk_by(|a, b| a.0 == b.0) {
            let weight: f64 = run.iter().map(|p| p.1 as f64).sum();
            let x = run[0].0 as f64 - mean;
            sums = [sums[0] + weight, sums[1] + weight * x, sums[2] + weight * x * x];
            sorted.values.push(run[0].0);
            sorted.sums.push(sums);
        }
        sorted
    }

    /// The sum of the weights of values before value `i`.
    pub fn weight_before(&self, i: usize) -> f64 {
        self.sums[i][0]
    }

    /// The weighted mean of values `from..to`; `None` where there are none.
    pub fn mean(&self, from: usize, to: usize) -> Option<f64> {
        let weight = self.sums[to][0] - self.sums[from][0];
        let moment = self.sums[to][1] - self.sums[from][1];
        (from < to && weight > 0.0).then(|| {
            // Rounding errors of the differences must not put the mean outside its values.
            let (lo, hi) = (self.values[from] as f64, self.values[to - 1] as f64);
            (self.mean + moment / weight).clamp(lo, hi)
        })
    }

    /// The weighted squared error of values `from..to` with their mean as level.
    #[inline(always)]
    pub fn error(&self, from: usize, to: usize) -> f64 {
        let (a, b) = (&self.sums[from], &self.sums[to]);
        let (weight, moment, square) = (b[0] - a[0], b[1] - a[1], b[2] - a[2]);
        if weight > 0.0 {
            (square - moment * moment / weight).max(0.0)
        } else {
            0.0
        }
    }
}

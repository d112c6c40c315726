//! The product in f64, and the error of other results.

use std::thread;

/// The largest |y - oracle| / (eps · Σ|x·w|) of a right product: the rounding of an f32 sum in any
/// order that a kernel may choose.
pub const BOUND: f64 = 8.0;

/// A product in f64, and for each output the Σ|x·w| that its rounding error scales with.
pub struct Product {
    pub y: Vec<f64>,
    magnitude: Vec<f64>,
}

impl Product {
    /// `y[m, n] = Σ_k x[m, k] · w[n, k]`, with the rows of x distributed over the processor's cores.
    pub fn new(x: &[f32], w: &[f32], k: usize) -> Product {
        let n = w.len() / k;
        let mut sums = vec![(0f64, 0f64); x.len() / k * n];
        let cores = thread::available_parallelism().map_or(1, |c| c.get());
        let share = sums.len().div_ceil(cores).max(1);
        thread::scope(|scope| {
            for (index, sums) in sums.chunks_mut(share).enumerate() {
                scope.spawn(move || {
                    for (i, sum) in sums.iter_mut().enumerate() {
                        let (column, row) = ((index * share + i) / n, (index * share + i) % n);
                        *sum = dot(&x[column * k..][..k], &w[row * k..][..k]);
                    }
                });
            }
        });
        let (y, magnitude) = sums.into_iter().unzip();
        Product { y, magnitude }
    }

    /// The same plus a bias for each column of `y`.
    pub fn with_bias(&self, bias: Option<&[f32]>) -> Product {
        let (mut y, mut magnitude) = (self.y.clone(), self.magnitude.clone());
        let Some(bias) = bias else {
            return Product { y, magnitude };
        };
        for (i, (y, magnitude)) in y.iter_mut().zip(&mut magnitude).enumerate() {
            let bias = bias[i % bias.len()] as f64;
            (*y, *magnitude) = (*y + bias, *magnitude + bias.abs());
        }
        Product { y, magnitude }
    }

    /// The largest error of `y` in units of its rounding. NaN where any output is NaN.
    pub fn rounding(&self, y: &[f32]) -> f64 {
        if y.len() != self.y.len() {
            return f64::NAN;
        }
        let outputs = y.iter().zip(&self.y).zip(&self.magnitude);
        let errors = outputs.map(|((y, right), magnitude)| {
            match (*y as f64 - right).abs() {
                // All inputs are zero, and 0 / 0 would be NaN.
                0.0 => 0.0,
                error => error / (f32::EPSILON as f64 * magnitude),
            }
        });
        // f64::max would drop a NaN.
        errors.fold(0.0, |a, b| if a > b || a.is_nan() { a } else { b })
    }
}

fn dot(x: &[f32], w: &[f32]) -> (f64, f64) {
    let products = x.iter().zip(w).map(|(x, w)| *x as f64 * *w as f64);
    products.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p.abs()))
}

/// ‖a - b‖ / ‖b‖.
pub fn relative_rms(a: &[f32], b: impl Iterator<Item = f64>) -> f64 {
    let (mut error, mut size) = (0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        error += (*a as f64 - b).powi(2);
        size += b.powi(2);
    }
    if error == 0.0 {
        return 0.0;
    }
    (error / size).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_in_units_of_rounding() {
        let x = [1.0, 2.0, -1.0, 3.0];
        let product = Product::new(&x, &[1.0, -4.0], 2);
        assert_eq!(product.y, [-7.0, -13.0]);
        assert_eq!(product.rounding(&[-7.0, -13.0]), 0.0);
        // 13 lies between 8 and 16, where neighbours are 8 · eps apart; its Σ|x·w| is 13.
        let off = -13.0 - 8.0 * f32::EPSILON;
        assert_eq!(product.rounding(&[-7.0, off]), 8.0 / 13.0);
    }

    #[test]
    fn a_bias_is_of_the_output_column() {
        let product = Product::new(&[1.0, 2.0], &[1.0, -4.0], 1);
        let biased = product.with_bias(Some(&[10.0, -20.0]));
        assert_eq!(biased.y, [11.0, -24.0, 12.0, -28.0]);
        assert_eq!(biased.magnitude, [11.0, 24.0, 12.0, 28.0]);
        assert_eq!(product.with_bias(None).y, product.y);
    }

    #[test]
    fn nan_and_missing_outputs_never_pass() {
        let product = Product::new(&[1.0], &[1.0, 2.0], 1);
        for y in [vec![f32::NAN, 2.0], vec![1.0, f32::NAN], vec![1.0]] {
            assert!(!(product.rounding(&y) <= BOUND), "{y:?}");
        }
        assert!(!(product.rounding(&[1.0, f32::INFINITY]) <= BOUND));
    }

    #[test]
    fn relative_rms_is_a_ratio_of_norms() {
        let b = [3.0, 4.0];
        assert_eq!(relative_rms(&[3.0, 4.0], b.into_iter()), 0.0);
        assert!((relative_rms(&[3.0, 5.0], b.into_iter()) - 0.2).abs() < 1e-12);
    }
}

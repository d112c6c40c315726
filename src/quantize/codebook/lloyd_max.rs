//! The scalar quantizer of least squared error for a density: S. P. Lloyd, "Least squares quantization in PCM"
//! (1957, IEEE Trans. Inf. Theory 28(2), 1982); J. Max, "Quantizing for minimum distortion" (1960).
//!
//! At the optimum each boundary is halfway between two levels, and each level is the mean of its cell; the integrals
//! are exact here. Lloyd's iteration converges slowly, so Newton's method does the last part: the second derivative of
//! the error with respect to the levels is tridiagonal.

use super::Density;
use crate::{Error, Result};

/// The most dimensions of a sphere. Its integrals take one step for every other dimension.
const LARGEST: usize = 1 << 16;

/// The levels of least squared error for a density.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LloydMax {
    /// The levels, ascending.
    pub levels: Vec<f64>,
    /// The boundaries between the levels, one fewer than levels.
    pub boundaries: Vec<f64>,
    /// E[(t - level)²]. Divided by the density's variance it is the relative error.
    pub mse: f64,
}

/// The best `2^bits` levels for a density, `bits` from 0 to 8.
///
/// # Errors
/// [`Error::Argument`] for more bits, or a sphere of fewer than 2 or more than 65,536 dimensions.
pub fn lloyd_max(density: Density, bits: u32) -> Result<LloydMax> {
    if bits > 8 {
        return Err(Error::argument("bits", "0 to 8", bits));
    }
    if let Density::Sphere { d } = density
        && !(2..=LARGEST).contains(&d)
    {
        let allowed = format!("2 to {LARGEST}");
        return Err(Error::argument("the sphere's dimensions", &allowed, d));
    }
    let levels = optimum(density, 1 << bits);
    let boundaries = middles(&levels);
    let mse = mse(density, &levels);
    Ok(LloydMax {
        levels,
        boundaries,
        mse,
    })
}

/// The best `2^bits` levels for a coordinate of a random unit vector in `d` dimensions, ascending: TurboQuant's
/// codebook. Empty where [`lloyd_max`] would refuse (`d` under 2 or over 65,536, more than 8 bits).
pub fn lloyd_max_sphere(d: usize, bits: u32) -> Vec<f64> {
    lloyd_max(Density::Sphere { d }, bits).map_or(Vec::new(), |best| best.levels)
}

fn middles(levels: &[f64]) -> Vec<f64> {
    levels.windows(2).map(|l| 0.5 * (l[0] + l[1])).collect()
}

/// The mass and first moment of each cell.
fn cells(density: Density, levels: &[f64]) -> Vec<(f64, f64)> {
    let (mut mass, mut moment) = (-0.5, 0.0);
    let inner = middles(levels)
        .into_iter()
        .map(|b| (density.mass_to(b), density.moment_from(b)));
    inner
        .chain([(0.5, 0.0)])
        .map(|(next_mass, next_moment)| {
            let cell = (next_mass - mass, moment - next_moment);
            (mass, moment) = (next_mass, next_moment);
            cell
        })
        .collect()
}

fn mse(density: Density, levels: &[f64]) -> f64 {
    let terms = levels.iter().zip(cells(density, levels));
    terms.fold(density.variance(), |sum, (c, (mass, moment))| {
        sum + c * (c * mass - 2.0 * moment)
    })
}

fn optimum(density: Density, count: usize) -> Vec<f64> {
    // Panter and Dite: the density of many levels is f^(1/3), for a normal one a normal density of three times the
    // variance.
    let spread = (3.0 * density.variance()).sqrt();
    let mut levels: Vec<f64> = (0..count)
        .map(|i| spread * Density::Normal.quantile((i as f64 + 0.5) / count as f64 - 0.5))
        .collect();
    if let Density::Sphere { .. } = density {
        // In few dimensions the tails of that normal distribution leave the sphere.
        let (last, end) = (levels[count - 1], 1.0 - 0.5 / count as f64);
        if last > end {
            levels.iter_mut().for_each(|l| *l *= end / last);
        }
    }
    let mut gradient = excess(density, &levels);
    for _ in 0..10_000 {
        let size = largest(&gradient);
        if size < 1e-14 * spread / count as f64 {
            break;
        }
        let trial = newton(density, &levels, &gradient).map(|t| (excess(density, &t), t));
        match trial {
            Some((g, t)) if largest(&g) < size => (gradient, levels) = (g, t),
            // Lloyd's step always lowers the error. At the limit of f64's precision neither makes progress.
            _ => {
                let cells = cells(density, &levels);
                let means: Vec<f64> = cells.iter().map(|(mass, moment)| moment / mass).collect();
                let next = excess(density, &means);
                let stuck = size < 1e-13 * spread && largest(&next) >= size;
                if stuck {
                    break;
                }
                (gradient, levels) = (next, means);
            }
        }
    }
    // The optimum is symmetric; averaging makes its last digits symmetric too.
    (0..count).map(|i| 0.5 * (levels[i] - levels[count - 1 - i])).collect()
}

/// Half the derivative of the error with respect to each level: level · mass - moment.
fn excess(density: Density, levels: &[f64]) -> Vec<f64> {
    let cells = cells(density, levels);
    levels
        .iter()
        .zip(cells)
        .map(|(c, (mass, moment))| c * mass - moment)
        .collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m, v| m.max(v.abs()))
}

/// Newton's step from `levels`, where it leaves them ascending.
fn newton(density: Density, levels: &[f64], gradient: &[f64]) -> Option<Vec<f64>> {
    let count = levels.len();
    // Moving a level moves its two boundaries by half as much, and the mass there changes cells.
    let beside: Vec<f64> = levels
        .windows(2)
        .map(|l| density.at(0.5 * (l[0] + l[1])) * (l[1] - l[0]) / 4.0)
        .collect();
    let at = |i: usize| beside.get(i).copied().unwrap_or(0.0);
    let before = |i: usize| if i == 0 { 0.0 } else { at(i - 1) };
    let masses = cells(density, levels);
    // Thomas' elimination of the rows (-before, mass - before - after, -after).
    let (mut upper, mut right) = (vec![0f64; count], vec![0f64; count]);
    let (mut last_upper, mut last_right) = (0.0, 0.0);
    for i in 0..count {
        let pivot = masses[i].0 - before(i) - at(i) + before(i) * last_upper;
        if !(pivot > 0.0) {
            return None;
        }
        last_upper = -at(i) / pivot;
        last_right = (gradient[i] + before(i) * last_right) / pivot;
        (upper[i], right[i]) = (last_upper, last_right);
    }
    let mut next = levels.to_vec();
    let mut step = 0.0;
    for i in (0..count).rev() {
        step = right[i] - upper[i] * step;
        next[i] -= step;
    }
    next.windows(2).all(|l| l[0] < l[1]).then_some(next)
}

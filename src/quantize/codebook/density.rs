//! Densities whose masses and moments over an interval have closed forms, for quantizers that are optimal in
//! expectation instead of on samples.
//!
//! The normal distribution is Marsaglia's series ("Evaluating the Normal Distribution", J. Stat. Software 11(4), 2004),
//! whose terms are all positive. A coordinate t of a random unit vector in d dimensions has
//! f(t) = Γ(d/2) / (√π Γ((d-1)/2)) · (1 - t²)^((d-3)/2); with t = sin θ its integral is that of
//! cos^(d-2) θ, a finite sum.

use std::f64::consts::{FRAC_PI_2, PI};

/// A density, symmetric about 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Density {
    /// N(0, 1).
    Normal,
    /// One coordinate of a uniformly random unit vector: variance 1/d, and close to N(0, 1/d).
    Sphere {
        /// Dimensions of the vector, at least 2 (2 is the arcsine law, 3 is uniform). Integrals take about d / 2 steps.
        d: usize,
    },
}

impl Density {
    /// f(t).
    pub fn at(self, t: f64) -> f64 {
        match self {
            Density::Normal => (-0.5 * t * t).exp() / (2.0 * PI).sqrt(),
            Density::Sphere { .. } if t.abs() >= 1.0 => 0.0,
            Density::Sphere { d } => (1.0 - t * t).powf((d as f64 - 3.0) / 2.0) / (2.0 * cos_power_half(d)),
        }
    }

    /// ∫ f from 0 to `t`: the distribution function minus 1/2.
    pub fn mass_to(self, t: f64) -> f64 {
        match self {
            Density::Normal if t.abs() > 9.0 => 0.5f64.copysign(t),
            Density::Normal => {
                // φ(t) · (t + t³/3 + t⁵/(3·5) + ...), until a term no longer changes the sum.
                let (mut sum, mut term, mut odd) = (t, t, 1.0);
                loop {
                    odd += 2.0;
                    term *= t * t / odd;
                    let next = sum + term;
                    if next == sum {
                        return self.at(t) * sum;
                    }
                    sum = next;
                }
            }
            Density::Sphere { d } => {
                let theta = t.clamp(-1.0, 1.0).asin();
                cos_power(d, theta) / (2.0 * cos_power_half(d))
            }
        }
    }

    /// ∫ s·f(s) ds from `t` to the end of the support. The mean of a cell is the difference of two, divided by its
    /// mass.
    pub fn moment_from(self, t: f64) -> f64 {
        match self {
            Density::Normal => self.at(t),
            Density::Sphere { .. } if t.abs() >= 1.0 => 0.0,
            Density::Sphere { d } => {
                let d1 = d as f64 - 1.0;
                (1.0 - t * t).powf(d1 / 2.0) / (d1 * 2.0 * cos_power_half(d))
            }
        }
    }

    /// The mean of t².
    pub fn variance(self) -> f64 {
        match self {
            Density::Normal => 1.0,
            Density::Sphere { d } => 1.0 / d as f64,
        }
    }

    /// The t at which `mass_to` is `mass`, which must be within (-1/2, 1/2); by bisection.
    pub fn quantile(self, mass: f64) -> f64 {
        let end = match self {
            Density::Normal => 9.0,
            Density::Sphere { .. } => 1.0,
        };
        let (mut lo, mut hi) = (-end, end);
        for _ in 0..60 {
            let middle = 0.5 * (lo + hi);
            if self.mass_to(middle) < mass {
                lo = middle;
            } else {
                hi = middle;
            }
        }
        0.5 * (lo + hi)
    }
}

/// ∫ cos^(d-2) from 0 to θ, by ∫ cosⁿ = cos^(n-1) sin / n + (n-1)/n ∫ cos^(n-2).
fn cos_power(d: usize, theta: f64) -> f64 {
    let (sin, cos) = theta.sin_cos();
    let last = d.saturating_sub(2);
    let (mut n, mut integral, mut power) = match last % 2 {
        0 => (0, theta, cos),
        _ => (1, sin, cos * cos),
    };
    // `power` is cos^(n+1), what the next step needs.
    while n < last {
        n += 2;
        integral = (power * sin + (n - 1) as f64 * integral) / n as f64;
        power *= cos * cos;
    }
    integral
}

/// The same up to π/2, where cosines are exactly 0.
fn cos_power_half(d: usize) -> f64 {
    let last = d.saturating_sub(2);
    let (mut n, mut integral) = match last % 2 {
        0 => (0, FRAC_PI_2),
        _ => (1, 1.0),
    };
    while n < last {
        n += 2;
        integral *= (n - 1) as f64 / n as f64;
    }
    integral
}

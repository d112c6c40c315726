//! The search of IQ2 and IQ3: the scale, signs and points of one group of weights.

use super::points::{Points, Snapped};
use crate::formats::encode::k_search::{nearest, positive_scale};

/// The value of the level with this index.
pub(super) fn odd(index: u8) -> f32 {
    f32::from(2 * index + 1)
}

/// The parameters in which the formats differ.
pub(super) struct LatticeSearch<const D: usize> {
    pub points: Points<D>,
    pub levels: u8,
    /// Each eight signs have an even number of minus signs, so that seven bits store them.
    pub even_signs: bool,
    /// Groups whose weights are all smaller become zero.
    pub least: f32,
    pub start: Start,
    /// The tried scales put the largest weight up to `tries` times `step` above or below the last level.
    pub tries: i32,
    pub step: f32,
    pub again: Again,
}

/// The initial scale of the search.
#[derive(PartialEq)]
pub(super) enum Start {
    /// From the largest weight.
    Largest,
    /// The best scale of evenly spaced codes.
    Even,
}

/// The points that are chosen again for the final scale.
#[derive(PartialEq)]
pub(super) enum Again {
    All,
    /// All, if one of them was not exactly the requested combination of levels.
    AllIfInexact,
    /// Those that were not exact.
    Inexact,
}

/// One encoded group. The scale is not negative.
#[derive(Default)]
pub(super) struct LatticeGroup {
    pub scale: f32,
    pub points: [u16; 8],
    /// For each eight weights, bit i is set for a minus sign.
    pub signs: [u8; 4],
}

impl<const D: usize> LatticeSearch<D> {
    /// Encodes `x` with errors weighted by `w`.
    pub fn search<const G: usize>(&self, x: &[f32; G], w: &[f32; G]) -> LatticeGroup {
        let (x, mut signs) = self.without_signs(x, w);
        let max = x.iter().fold(x[0], |m, &x| m.max(x));
        if max < self.least {
            return LatticeGroup::default();
        }
        let last = f32::from(2 * self.levels - 1);
        let (mut scale, reach) = match self.start {
            Start::Largest => (max / last, max),
            Start::Even => {
                let scale = positive_scale(i32::from(self.levels) + 1, &x, w, &mut [0; G]);
                (scale, scale * f32::from(self.levels))
            }
        };
        if reach <= 0.0 {
            return LatticeGroup::default();
        }
        let roots = w.map(f32::sqrt);
        let first = Snapped {
            point: 0,
            exact: self.again == Again::Inexact,
        };
        let mut points = [first; 8];
        let mut best = 0f32;
        for step in -self.tries..=self.tries {
            let inverse = (last + step as f32 * self.step) / reach;
            let mut trial = points;
            for (k, snapped) in trial[..G / D].iter_mut().enumerate() {
                *snapped = self.snap(k, &x, &roots, inverse, 1.0 / inverse);
            }
            let (sum_qx, sum_q2) = self.sums(&x, w, &trial);
            if sum_q2 > 0.0 && sum_qx * sum_qx > best * sum_q2 {
                scale = sum_qx / sum_q2;
                best = scale * sum_qx;
                points = trial;
            }
        }
        let inexact = points[..G / D].iter().any(|p| !p.exact);
        if scale > 0.0 && (inexact || self.again == Again::All) {
            for (k, snapped) in points[..G / D].iter_mut().enumerate() {
                if !snapped.exact || self.again != Again::Inexact {
                    *snapped = self.snap(k, &x, &roots, 1.0 / scale, scale);
                }
            }
            let (sum_qx, sum_q2) = self.sums(&x, w, &points);
            if sum_q2 > 0.0 {
                scale = sum_qx / sum_q2;
            }
        }
        if scale < 0.0 {
            scale = -scale;
            signs = signs.map(|s| !s);
        }
        LatticeGroup {
            scale,
            points: points.map(|p| p.point),
            signs,
        }
    }

    /// Magnitudes and signs. Where the number of minus signs must be even and is not, the weight with the least error
    /// gets the wrong sign and a negative magnitude.
    fn without_signs<const G: usize>(&self, x: &[f32; G], w: &[f32; G]) -> ([f32; G], [u8; 4]) {
        let mut magnitudes = *x;
        let mut signs = [0u8; 4];
        let eights = magnitudes.chunks_mut(8).zip(w.chunks(8)).zip(&mut signs);
        for ((x, w), signs) in eights {
            let square = |i: usize, x: &[f32]| w[i] * x[i] * x[i];
            let mut least = 0;
            for i in 0..8 {
                if square(i, x) < square(least, x) {
                    least = i;
                }
            }
            for (i, x) in x.iter_mut().enumerate() {
                if *x < 0.0 {
                    *x = -*x;
                    *signs |= 1 << i;
                }
            }
            if self.even_signs && signs.count_ones() % 2 == 1 {
                x[least] = -x[least];
                *signs ^= 1 << least;
            }
        }
        (magnitudes, signs)
    }

    /// The point for the `k`-th `D` weights of `x`, for a scale and its inverse.
    #[inline(always)]
    fn snap<const G: usize>(&self, k: usize, x: &[f32; G], roots: &[f32; G], inverse: f32, scale: f32) -> Snapped {
        let x: [f32; D] = std::array::from_fn(|i| x[D * k + i]);
        let w: [f32; D] = std::array::from_fn(|i| roots[D * k + i]);
        let top = i32::from(self.levels) - 1;
        let indices = x.map(|x| nearest(0.5 * (inverse * x - 1.0)).clamp(0, top) as u8);
        self.points.snap(&indices, |q| {
            let costs: [f32; D] = std::array::from_fn(|i| {
                let diff = scale * q[i] - x[i];
                w[i] * diff * diff
            });
            costs.iter().fold(0.0, |sum, cost| sum + cost)
        })
    }

    /// Σ w·q·x and Σ w·q² over the levels q of the points.
    #[inline(always)]
    fn sums<const G: usize>(&self, x: &[f32; G], w: &[f32; G], points: &[Snapped; 8]) -> (f32, f32) {
        let (mut sum_qx, mut sum_q2) = (0f32, 0f32);
        for (k, snapped) in points[..G / D].iter().enumerate() {
            for (i, &q) in self.points.values(snapped.point).iter().enumerate() {
                let (x, w) = (x[D * k + i], w[D * k + i]);
                sum_qx += w * x * q;
                sum_q2 += w * q * q;
            }
        }
        (sum_qx, sum_q2)
    }
}

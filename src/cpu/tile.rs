//! Products of a few decoded rows with all rows of x: a tile of sums in registers.

use super::sums::{CHAIN, CHAINS};
use crate::simd::at_level;
use fearless_simd::{Level, prelude::*};

/// Decoded rows that are multiplied together: each float of x that is loaded serves all of them.
pub(super) const ROWS: usize = 4;

/// `y[c][r] = Σ w[r]·x[c]` for `ROWS` rows of w and every row of x, both of `k` floats, a multiple of 16.
/// Sum c of row r goes to `y[c * ROWS + r]`.
pub(super) fn products(level: Level, w: &[f32], x: &[f32], k: usize, y: &mut [f32]) {
    at_level!(level, simd => products_at(simd, w, x, k, y))
}

#[inline(always)]
fn products_at<S: Simd>(simd: S, w: &[f32], x: &[f32], k: usize, y: &mut [f32]) {
    let (w, _) = w.as_chunks::<16>();
    let (x, _) = x.as_chunks::<16>();
    let k = k / 16;
    let mut w_rows = [&w[..k]; ROWS];
    for (r, row) in w_rows.iter_mut().enumerate() {
        *row = &w[r * k..][..k];
    }
    let m = x.len() / k;
    let mut c = 0;
    macro_rules! tiles {
        ($columns:literal) => {
            while m - c >= $columns {
                let mut x_rows = [&x[..k]; $columns];
                for (i, row) in x_rows.iter_mut().enumerate() {
                    *row = &x[(c + i) * k..][..k];
                }
                tile(simd, &w_rows, &x_rows, &mut y[c * ROWS..]);
                c += $columns;
            }
        };
    }
    // 32 vector registers hold a tile of 24 sums, 16 hold 8.
    if S::f32s::LEN == 16 {
        tiles!(6);
        tiles!(4);
        tiles!(3);
    }
    tiles!(2);
    tiles!(1);
}

#[inline(always)]
fn tile<S: Simd, const COLUMNS: usize>(simd: S, w: &[&[[f32; 16]]; ROWS], x: &[&[[f32; 16]]; COLUMNS], y: &mut [f32]) {
    let zero = [[S::f32s::splat(simd, 0.0); ROWS]; COLUMNS];
    let step = CHAIN * S::f32s::LEN / 16;
    let mut totals = [[0f64; ROWS]; COLUMNS];
    for first in (0..w[0].len()).step_by(CHAINS * step) {
        let mut second = zero;
        for first in (first..w[0].len().min(first + CHAINS * step)).step_by(step) {
            let mut sums = zero;
            for i in first..w[0].len().min(first + step) {
                for j in 0..16 / S::f32s::LEN {
                    let lanes = j * S::f32s::LEN..(j + 1) * S::f32s::LEN;
                    let mut from_w = [S::f32s::splat(simd, 0.0); ROWS];
                    for (v, w) in from_w.iter_mut().zip(w) {
                        *v = S::f32s::from_slice(simd, &w[i][lanes.clone()]);
                    }
                    for (sums, x) in sums.iter_mut().zip(x) {
                        let x = S::f32s::from_slice(simd, &x[i][lanes.clone()]);
                        for (sum, w) in sums.iter_mut().zip(from_w) {
                            *sum = x.mul_add(w, *sum);
                        }
                    }
                }
            }
            for (second, sums) in second.iter_mut().zip(sums) {
                for (second, sum) in second.iter_mut().zip(sums) {
                    *second += sum;
                }
            }
        }
        for (totals, second) in totals.iter_mut().zip(second) {
            for (total, second) in totals.iter_mut().zip(second) {
                *total += second.reduce_sum() as f64;
            }
        }
    }
    for (totals, y) in totals.iter().zip(y.chunks_exact_mut(ROWS)) {
        for (total, y) in totals.iter().zip(y) {
            *y = *total as f32;
        }
    }
}

//! Products of small blocks of rows with a tile of sums in registers, for Hessians, Cholesky factors and GPTQ's
//! updates. Each sum has the same terms in the same order wherever it is, so the result does not depend on threads.

use crate::simd::at_level;
use fearless_simd::{Level, prelude::*};

/// Rows in a larger matrix: row i is `data[i * stride..][..len]`.
#[derive(Clone, Copy)]
pub(crate) struct TileRows<'a, T> {
    pub data: &'a [T],
    pub stride: usize,
    pub count: usize,
    pub len: usize,
}

impl<'a, T: Copy> TileRows<'a, T> {
    fn row(&self, i: usize) -> &'a [T] {
        &self.data[i * self.stride..][..self.len]
    }

    /// The columns from `start` on, [`RUN`] at most.
    fn part(self, start: usize) -> TileRows<'a, T> {
        TileRows {
            // Without rows there is no start.
            data: self.data.get(start..).unwrap_or(&[]),
            len: RUN.min(self.len - start),
            ..self
        }
    }
}

/// Columns that are processed together, so that data read again is still in the cache.
const RUN: usize = 512;

macro_rules! dots {
    ($dots:ident $at:ident $tile:ident $float:ident $lanes:ident) => {
        /// `out[i * b.count + j] = Σ_t a[i][t] · b[j][t]`; the rows of a and b have the same length.
        pub(crate) fn $dots(level: Level, a: TileRows<$float>, b: TileRows<$float>, out: &mut [$float]) {
            out.fill(0.0);
            for start in (0..a.len).step_by(RUN) {
                let (a, b) = (a.part(start), b.part(start));
                at_level!(level, simd => $at(simd, a, b, out));
            }
        }

        #[inline(always)]
        fn $at<S: Simd>(simd: S, a: TileRows<$float>, b: TileRows<$float>, out: &mut [$float]) {
            let mut i = 0;
            macro_rules! tiles {
                ($high:literal) => {
                    while a.count - i >= $high {
                        let rows: [&[$float]; $high] = core::array::from_fn(
                            #[inline(always)]
                            |r| a.row(i + r),
                        );
                        let mut j = 0;
                        // 32 vector registers hold a tile of 16 sums, 16 hold 8.
                        if S::f32s::LEN == 16 {
                            while b.count - j >= 4 {
                                $tile::<S, $high, 4>(simd, rows, b, i, j, out);
                                j += 4;
                            }
                        }
                        while b.count - j >= 2 {
                            $tile::<S, $high, 2>(simd, rows, b, i, j, out);
                            j += 2;
                        }
                        if j < b.count {
                            $tile::<S, $high, 1>(simd, rows, b, i, j, out);
                        }
                        i += $high;
                    }
                };
            }
            tiles!(4);
            tiles!(1);
        }

        #[inline(always)]
        fn $tile<S: Simd, const HIGH: usize, const WIDE: usize>(
            simd: S,
            a: [&[$float]; HIGH],
            b: TileRows<$float>,
            i: usize,
            j: usize,
            out: &mut [$float],
        ) {
            let (len, width, lanes) = (b.len, b.count, S::$lanes::LEN);
            let mut columns = [b.row(j); WIDE];
            for (c, column) in columns.iter_mut().enumerate() {
                *column = b.row(j + c);
            }
            let mut sums = [[S::$lanes::splat(simd, 0.0); WIDE]; HIGH];
            let mut t = 0;
            while len - t >= lanes {
                let mut from_b = [S::$lanes::splat(simd, 0.0); WIDE];
                for (v, b) in from_b.iter_mut().zip(columns) {
                    *v = S::$lanes::from_slice(simd, &b[t..t + lanes]);
                }
                for (sums, a) in sums.iter_mut().zip(a) {
                    let a = S::$lanes::from_slice(simd, &a[t..t + lanes]);
                    for (sum, b) in sums.iter_mut().zip(from_b) {
                        *sum = a.mul_add(b, *sum);
                    }
                }
                t += lanes;
            }
            for (r, (sums, a)) in sums.iter().zip(a).enumerate() {
                for (c, (sum, b)) in sums.iter().zip(columns).enumerate() {
                    let mut sum = sum.reduce_sum();
                    for (a, b) in a[t..].iter().zip(&b[t..]) {
                        sum += a * b;
                    }
                    out[(i + r) * width + j + c] += sum;
                }
            }
        }
    };
}

dots!(dots_f32 dots_f32_at tile_f32 f32 f32s);
dots!(dots_f64 dots_f64_at tile_f64 f64 f64s);

/// `w[r][j] -= Σ_i e[r][i] · u[i][j]` for the columns j from `from` to the end of the rows of `w` and `u`, `k` floats
/// each; `e` has a row for each row of `w`, and `u` a row for each column of `e`.
pub(crate) fn subtract(level: Level, e: TileRows<f32>, u: &[f32], w: &mut [f32], k: usize, from: usize) {
    at_level!(level, simd => subtract_at(simd, e, u, w, k, from))
}

#[inline(always)]
fn subtract_at<S: Simd>(simd: S, e: TileRows<f32>, u: &[f32], w: &mut [f32], k: usize, from: usize) {
    let lanes = S::f32s::LEN;
    let mut j = from;
    macro_rules! columns {
        ($wide:literal) => {
            while k - j >= $wide * lanes {
                let mut r = 0;
                while e.count - r >= 4 {
                    subtract_tile::<S, 4, $wide>(simd, e, u, w, k, r, j);
                    r += 4;
                }
                while r < e.count {
                    subtract_tile::<S, 1, $wide>(simd, e, u, w, k, r, j);
                    r += 1;
                }
                j += $wide * lanes;
            }
        };
    }
    if lanes == 16 {
        columns!(4);
    }
    columns!(2);
    columns!(1);
    for j in j..k {
        for (r, w) in w.chunks_mut(k).enumerate() {
            let terms = e.row(r).iter().zip(u.chunks(k));
            w[j] -= terms.fold(0f32, |sum, (e, u)| sum + e * u[j]);
        }
    }
}

#[inline(always)]
fn subtract_tile<S: Simd, const HIGH: usize, const WIDE: usize>(
    simd: S,
    e: TileRows<f32>,
    u: &[f32],
    w: &mut [f32],
    k: usize,
    r: usize,
    j: usize,
) {
    let lanes = S::f32s::LEN;
    let mut factors = [e.row(r); HIGH];
    for (i, factors) in factors.iter_mut().enumerate() {
        *factors = e.row(r + i);
    }
    let mut sums = [[S::f32s::splat(simd, 0.0); WIDE]; HIGH];
    for i in 0..e.len {
        let row = &u[i * k + j..][..WIDE * lanes];
        let mut from_u = [S::f32s::splat(simd, 0.0); WIDE];
        for (c, v) in from_u.iter_mut().enumerate() {
            *v = S::f32s::from_slice(simd, &row[c * lanes..(c + 1) * lanes]);
        }
        for (sums, e) in sums.iter_mut().zip(factors) {
            let e = S::f32s::splat(simd, e[i]);
            for (sum, u) in sums.iter_mut().zip(from_u) {
                *sum = e.mul_add(u, *sum);
            }
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        let row = &mut w[(r + i) * k + j..][..WIDE * lanes];
        for (c, sum) in sums.iter().enumerate() {
            let place = &mut row[c * lanes..(c + 1) * lanes];
            let left = S::f32s::from_slice(simd, place) - *sum;
            left.store_slice(place);
        }
    }
}

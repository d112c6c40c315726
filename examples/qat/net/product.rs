//! Products of float matrices on all cores, bit-identical for any number of cores.

use fearless_simd::{Level, dispatch, f32x16, prelude::*};
use rayon::prelude::*;

/// Rows of c that a worker takes at a time.
const TASK: usize = 32;
/// Rows and columns of c whose sums are in registers.
const ROWS: usize = 8;
const COLUMNS: usize = 16;

/// c = a · b: `a` is m rows of k floats, `b` k rows of n, the result m rows of n.
pub fn product(a: &[f32], b: &[f32], k: usize, n: usize) -> Vec<f32> {
    let mut c = vec![0f32; a.len() / k * n];
    let level = Level::new();
    let tasks = c.par_chunks_mut(TASK * n).zip(a.par_chunks(TASK * k));
    tasks.for_each_init(
        || vec![[0f32; COLUMNS]; k],
        |panel, (c, a)| dispatch!(level, simd => rows(simd, a, b, panel, n, c)),
    );
    c
}

#[inline(always)]
fn rows<S: Simd>(simd: S, a: &[f32], b: &[f32], panel: &mut [[f32; COLUMNS]], n: usize, c: &mut [f32]) {
    let k = panel.len();
    for column in (0..n).step_by(COLUMNS) {
        let width = COLUMNS.min(n - column);
        for (p, b) in panel.iter_mut().zip(b.chunks_exact(n)) {
            p[..width].copy_from_slice(&b[column..column + width]);
        }
        let blocks = a.chunks(ROWS * k).zip(c.chunks_mut(ROWS * n));
        for (a, c) in blocks {
            if a.len() == ROWS * k {
                tile::<S, ROWS>(simd, a, panel, &mut c[column..], n, width);
            } else {
                for (a, c) in a.chunks(k).zip(c.chunks_mut(n)) {
                    tile::<S, 1>(simd, a, panel, &mut c[column..], n, width);
                }
            }
        }
    }
}

#[inline(always)]
fn tile<S: Simd, const R: usize>(simd: S, a: &[f32], panel: &[[f32; COLUMNS]], c: &mut [f32], n: usize, width: usize) {
    let k = panel.len();
    let mut a_rows = [a; R];
    for (r, row) in a_rows.iter_mut().enumerate() {
        *row = &a[r * k..][..k];
    }
    let mut sums = [f32x16::splat(simd, 0.0); R];
    for (p, b) in panel.iter().enumerate() {
        let b = f32x16::from_slice(simd, b);
        for r in 0..R {
            sums[r] = b.mul_add(f32x16::splat(simd, a_rows[r][p]), sums[r]);
        }
    }
    for (r, sum) in sums.iter().enumerate() {
        let mut out = [0f32; COLUMNS];
        sum.store_slice(&mut out);
        c[r * n..][..width].copy_from_slice(&out[..width]);
    }
}

/// Rows of `k` floats transposed, a few columns at a time, so that reads are contiguous.
pub fn transposed(a: &[f32], k: usize) -> Vec<f32> {
    let m = a.len() / k;
    let mut out = vec![0f32; a.len()];
    let tasks = out.par_chunks_mut(COLUMNS * m.max(1)).enumerate();
    tasks.for_each(|(task, out)| {
        for (row, a) in a.chunks_exact(k).enumerate() {
            for (column, a) in a[task * COLUMNS..].iter().take(COLUMNS).enumerate() {
                out[column * m + row] = *a;
            }
        }
    });
    out
}

//! The product on the processor: a row of weights is unpacked into the cache of a worker, multiplied by all rows of x,
//! and dropped. Nothing here names a format.

pub(crate) mod activations;
mod centre;
mod dot4;
mod floats;
mod inputs;
mod integers;
mod level;
mod plan;
mod row;
mod sums;
mod tile;

use crate::{Matrix, Precision, parallel};
use inputs::Inputs;
pub use level::CpuLevel;
use plan::Plan;
use row::Row;

/// Rows of the matrix in one task: enough to pay for scheduling it. It does not depend on the number of threads, so
/// results do not either.
const TASK: usize = 16;

/// `y[m, n]` for `x[m, k]`, which is whole rows.
pub(crate) fn product(matrix: &Matrix, x: &[f32], precision: Precision, level: CpuLevel) -> Vec<f32> {
    let plan = Plan::new(matrix, level.0);
    let m = x.len() / plan.k;
    match precision {
        Precision::I8 if plan.takes_integers() => in_integers(&plan, x, m),
        _ if m <= floats::COLUMNS && plan.is_whole() => {
            let scratch = || Row::new(&plan);
            by_rows(matrix.n(), m, scratch, |first, rows, y, row| {
                for r in 0..rows {
                    row.unpack(&plan, first + r);
                    floats::dots(&plan, row, x, &mut y[r..], rows);
                }
            })
        }
        _ => in_tiles(&plan, x, m),
    }
}

/// The product in integers: one row or a few are unpacked at a time and multiplied by all rows of x.
fn in_integers(plan: &Plan, x: &[f32], m: usize) -> Vec<f32> {
    let inputs = Inputs::new(plan, x);
    let at_once = integers::rows_at_once(m);
    let scratch = || {
        let rows: Vec<Row> = (0..at_once).map(|_| Row::new(plan)).collect();
        (rows, vec![0f32; m * at_once])
    };
    let n = plan.matrix.n();
    by_rows(n, m, scratch, |first, rows, y, (unpacked, sums)| {
        for from in (0..rows).step_by(at_once) {
            let used = at_once.min(rows - from);
            for (r, row) in unpacked.iter_mut().enumerate().take(used) {
                row.unpack(plan, first + from + r);
                row.centre(plan);
            }
            // Where fewer are left, stale rows are multiplied too and their products dropped.
            integers::products(plan, unpacked, &inputs, sums);
            for (sums, y) in sums.chunks(at_once).zip(y.chunks_mut(rows)) {
                y[from..from + used].copy_from_slice(&sums[..used]);
            }
        }
    })
}

/// The product in floats of tiles: every weight is decoded to memory once, a few rows at a time.
fn in_tiles(plan: &Plan, x: &[f32], m: usize) -> Vec<f32> {
    let k = plan.k.next_multiple_of(16);
    let x = pad(x, plan.k, k);
    let scratch = || {
        let sums = vec![0f32; m * tile::ROWS];
        (Row::new(plan), vec![0f32; tile::ROWS * k], sums)
    };
    by_rows(plan.matrix.n(), m, scratch, |first, rows, y, (row, w, sums)| {
        for from in (0..rows).step_by(tile::ROWS) {
            let used = tile::ROWS.min(rows - from);
            for (r, w) in w.chunks_mut(k).enumerate().take(used) {
                weights(plan, first + from + r, row, w);
            }
            tile::products(plan.level, w, &x, k, sums);
            for (sums, y) in sums.chunks(tile::ROWS).zip(y.chunks_mut(rows)) {
                y[from..from + used].copy_from_slice(&sums[..used]);
            }
        }
    })
}

/// Decodes one row of any format.
fn weights(plan: &Plan, number: usize, row: &mut Row, out: &mut [f32]) {
    if !plan.is_whole() {
        let matrix = plan.matrix;
        let stored = (number, matrix.row(number));
        let out = &mut out[..plan.k];
        matrix
            .format()
            .decode_row(stored, matrix.codebook(), &mut row.codes, out);
    } else {
        row.unpack(plan, number);
        floats::decode(plan, row, out);
    }
}

/// Rows of `k` floats, padded with zeros to `padded`.
fn pad(x: &[f32], k: usize, padded: usize) -> std::borrow::Cow<'_, [f32]> {
    if k == padded {
        return x.into();
    }
    let mut out = vec![0f32; x.len() / k * padded];
    for (out, x) in out.chunks_mut(padded).zip(x.chunks(k)) {
        out[..k].copy_from_slice(x);
    }
    out.into()
}

/// Calls `f(first, rows, y, scratch)` for each run of rows of the matrix, where `y` holds m rows of `rows` outputs,
/// and joins the outputs.
fn by_rows<T>(
    n: usize,
    m: usize,
    scratch: impl Fn() -> T + Sync + Send,
    f: impl Fn(usize, usize, &mut [f32], &mut T) + Sync + Send,
) -> Vec<f32> {
    let mut tasks = vec![0f32; n * m];
    parallel::chunks(&mut tasks, TASK * m, scratch, |task, y, scratch| {
        f(task * TASK, y.len() / m, y, scratch)
    });
    if m == 1 {
        return tasks;
    }
    let mut y = vec![0f32; m * n];
    for (task, outputs) in tasks.chunks(TASK * m).enumerate() {
        let rows = outputs.len() / m;
        for (c, outputs) in outputs.chunks(rows).enumerate() {
            y[c * n + task * TASK..][..rows].copy_from_slice(outputs);
        }
    }
    y
}

//! From what is asked of a product to its dispatches.

use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::weights::Weights;
use crate::gpu::dispatch::jobs::{Job, Span, Stack, runs};
use crate::gpu::dispatch::prepared::{Other, Prepared};
use crate::gpu::dispatch::runs::{run_in_time, run_of};
use crate::gpu::product::builder::MatMulBuilder;
use crate::gpu::product::matmul::MatMul;
use crate::gpu::product::recorded::{Recorded, Sum};
use crate::gpu::product::rounding::{self, Rounding};
use crate::reserve::within;
use crate::shader::axes::{Axes, Axis};
use crate::shader::bindings;
use crate::shader::choose::slices;
use crate::shader::compose::{compose_sum, compose_with};
use crate::shader::epilogue::{Epilogue, Extent};
use crate::shader::kernels::{self, Kernel};
use crate::shader::source::Source;
use crate::shader::tuning;
use crate::{Error, Precision, Result};
use wgpu::{Buffer, BufferUsages};

/// Which rows of which matrices are multiplied by what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrangement {
    pub axis: Axis,
    /// Matrices in the packed one; at least 1.
    pub members: usize,
    /// Rows of x and of y.
    pub x_rows: usize,
    pub y_rows: usize,
    /// Columns of the kernel in each layer of the grid.
    pub m: usize,
    /// Layers of the grid, not counting slices.
    pub depth: usize,
    /// Rows of x that a matrix is multiplied by, on the average: what kernels are chosen by.
    pub typical_m: usize,
}

impl MatMulBuilder<'_> {
    /// Compiles it with this kernel.
    pub(crate) async fn arrange(
        self,
        kernel: &'static Kernel,
        a: Arrangement,
        edit: impl Fn(&mut Source),
    ) -> Result<Recorded> {
        let (gpu, weights) = (self.gpu, self.weights);
        if !gpu.is(weights.gpu()) {
            return Err(Error::OtherDevice);
        }
        check_rows(a.y_rows, weights)?;
        let n = weights.n() / a.members;
        if n * a.members != weights.n() {
            return Err(Error::Part {
                at: "weights".into(),
                what: "n".into(),
                expected: format!("{} matrices of as many rows each", a.members),
                got: weights.n().to_string(),
            });
        }
        let tuning = (kernel.tuning)(gpu.traits(), a.typical_m);
        let mut axes = Axes {
            axis: a.axis,
            inputs: self.inputs,
            outputs: self.outputs,
            zero_point: kernel.takes_bytes() && self.input_scale.offset().is_some(),
            epilogues: self.epilogues,
            slices: 1,
        };
        self.input_scale.check()?;
        check_features(gpu, kernel, &axes)?;
        check_operands(&axes.epilogues)?;

        let x_given = axes.inputs.bytes() as u64 * weights.k() as u64;
        let y_row = axes.outputs.bytes() as u64 * n as u64;
        check_buffer(gpu, "x in bytes", a.x_rows, x_given)?;
        check_buffer(gpu, "y in bytes", a.y_rows, y_row)?;
        // Of one matrix, rows of x and y may come in runs that fit a binding.
        let limit = gpu.max_binding();
        let x_row = match kernel.takes_bytes() {
            true => rounding::row_bytes(weights.k()),
            false => x_given,
        };
        let run = match a.axis {
            Axis::One => {
                let run = run_of("64 rows of x", a.m, x_row, axes.inputs, limit)?;
                let run = run_of("64 rows of y", run, y_row, axes.outputs, limit)?;
                let rows = weights.slabs().iter().map(|s| s.rows).max().unwrap_or(1);
                let column = 2.0 * rows as f64 * weights.k() as f64;
                let tile = tuning.tile_cols as usize;
                run.min(run_in_time(gpu.traits(), column, tile, x_row, y_row))
            }
            _ => {
                for (what, needed) in [
                    ("x of several products in bytes", a.x_rows as u64 * x_row),
                    ("y of several products in bytes", a.y_rows as u64 * y_row),
                ] {
                    within(what, needed, limit)?;
                }
                a.m
            }
        };

        let row_tiles = |rows: usize| rows.div_ceil(tuning.tile_rows as usize) as u64;
        let col_tiles = |cols: usize| cols.div_ceil(tuning.tile_cols as usize) as u64;
        let tiles = row_tiles(n) * col_tiles(a.m) * a.depth as u64;
        let outputs = a.y_rows * n;
        let slice_bytes = 4 * outputs as u64;
        axes.slices = match self.slices {
            None if kernel.slices && a.sums_once() && run == a.m => {
                slices(gpu.traits(), tiles, weights.k()).min((limit / slice_bytes).max(1) as u32)
            }
            None | Some(1) => 1,
            Some(asked) => {
                check_slices(asked, kernel, &a)?;
                let slices = asked.min(weights.k().div_ceil(256));
                let needed = slice_bytes.saturating_mul(slices as u64);
                if run < a.m || needed > limit {
                    return Err(Error::TooLarge {
                        what: "sums of slices in bytes",
                        needed,
                        limit,
                    });
                }
                slices as u32
            }
        };

        let stack = (a.axis != Axis::One).then_some(Stack {
            n,
            members: a.members,
            sharing: (a.y_rows / a.x_rows.max(1)).max(1),
        });
        // Each run of rows lies behind the one before.
        let rows_of = |first: usize, count: usize, bytes: u64| Span {
            first: first as u64 * bytes..((first + count) as u64 * bytes).next_multiple_of(4),
            step: run as u64 * bytes,
        };
        let operands = |first: usize, count: usize| -> Vec<Span> {
            let of = |extent| match extent {
                Extent::Weights => (0..4 * weights.n() as u64).into(),
                Extent::Rows => rows_of(first, count, 4),
                Extent::Outputs => rows_of(first, count, y_row),
            };
            axes.operands().map(|o| of(o.extent)).collect()
        };
        let mut others: Vec<Other> = Vec::new();
        let mut first_others: Vec<Span> = Vec::new();
        if let Some(bytes) = a.ids_bytes(tuning.tile_cols as usize) {
            others.push(Other {
                name: "ids",
                binding: bindings::IDS,
            });
            first_others.push((0..bytes).into());
        }
        let operand_bindings: Vec<Other> = axes
            .operands()
            .map(|o| Other {
                name: o.name,
                binding: o.binding,
            })
            .collect();

        let mut jobs = Vec::new();
        for (first, count, times) in runs(a.m, run) {
            let (x_rows, y_rows) = match stack {
                None => (count, count),
                Some(_) => (a.x_rows, a.y_rows),
            };
            for (slab, s) in weights.slabs().iter().enumerate() {
                let rows = stack.map_or(s.rows, |stack| stack.n);
                let mut others = first_others.clone();
                let output = match axes.slices {
                    1 => {
                        others.extend(operands(first, y_rows));
                        rows_of(first, y_rows, y_row)
                    }
                    slices => (0..slices as u64 * slice_bytes).into(),
                };
                jobs.push(Job {
                    slab,
                    times,
                    m: count,
                    input: rows_of(first, x_rows, x_row),
                    output,
                    outputs: y_rows * n,
                    workgroups: row_tiles(rows) * col_tiles(count),
                    depth: a.depth as u64 * axes.slices as u64,
                    stack,
                    others,
                    ..Job::default()
                });
            }
        }
        let (format, k, dialect) = (weights.format(), weights.k(), gpu.traits().dialect);
        let mut source = compose_with(format, kernel, &tuning, k, &axes, dialect);
        edit(&mut source);
        let sum = match axes.slices {
            1 => {
                others.extend(operand_bindings);
                None
            }
            slices => {
                let tuning = tuning::one_invocation_a_part();
                let job = Job {
                    m: a.m,
                    input: (0..slices as u64 * slice_bytes).into(),
                    output: rows_of(0, a.y_rows, y_row),
                    outputs,
                    workgroups: (outputs as u64).div_ceil(tuning.workgroup.into()),
                    stack,
                    others: operands(0, a.y_rows),
                    ..Job::default()
                };
                let source = compose_sum(&tuning, &axes);
                let sum = &kernels::SUM_SLICES;
                Some(Sum {
                    prepared: Prepared::with_others(weights, sum, &tuning, source, vec![job], operand_bindings).await?,
                    sums: gpu
                        .buffer("sums of slices", slices as u64 * slice_bytes, BufferUsages::STORAGE)
                        .await?,
                    slices: slices as usize,
                })
            }
        };
        let rounding = match kernel.takes_bytes() {
            true => Some(Rounding::new(gpu, a.x_rows, weights.k(), self.input_scale).await?),
            false => None,
        };
        let zero_point = match self.input_scale.offset() {
            Some(factor) if axes.zero_point => Some(zero_point_sums(gpu, weights, factor).await?),
            _ => None,
        };
        Ok(Recorded {
            rounding,
            zero_point,
            x_rows: a.x_rows,
            prepared: Prepared::with_others(weights, kernel, &tuning, source, jobs, others).await?,
            sum,
            operands: axes.operands().count() - axes.zero_point as usize,
        })
    }
}

impl Arrangement {
    /// Whether outputs may be made of sums in a second dispatch that knows nothing of ids.
    fn sums_once(&self) -> bool {
        matches!(self.axis, Axis::One | Axis::Batched)
    }

    /// Bytes of what is bound beside the weights to tell which matrix is whose.
    fn ids_bytes(&self, tile_cols: usize) -> Option<u64> {
        match self.axis {
            Axis::One | Axis::Batched => None,
            Axis::Experts => Some(4 * self.y_rows as u64),
            Axis::Grouped => Some(4 * (self.m / tile_cols + self.m) as u64),
        }
    }
}

/// `factor · Σ_k w` of each row of weights: a product that runs once, now.
async fn zero_point_sums(gpu: &Gpu, weights: &Weights, factor: f32) -> Result<Buffer> {
    // Boxed, since a product is made inside the making of a product.
    let product = Box::pin(MatMul::prepare(gpu, weights, 1, Precision::F32)).await?;
    let x = vec![factor; weights.k()];
    let (x, y) = (bytemuck::cast_slice(&x), 4 * weights.n() as u64);
    let x = gpu.buffer_of("zero point", x, BufferUsages::STORAGE).await?;
    let y = gpu.buffer("zero point", y, BufferUsages::STORAGE).await?;
    let encoder = gpu.recorded(|pass| product.encode(pass, x.slice(..), y.slice(..)));
    let encoder = encoder.await?;
    let summed = gpu.scoped("summing weights", || gpu.queue().submit([encoder.finish()]));
    summed.await?;
    Ok(y)
}

/// Whether there can be so many rows of y, which kernels count in words.
pub(crate) fn check_rows(rows: usize, weights: &Weights) -> Result<()> {
    let limit = u32::MAX as u64 / 2;
    match rows {
        0 => Err(Error::Length {
            what: "m",
            shape: format!("[m, {}]", weights.k()),
            unit: "row of x at least",
            expected: 1,
            got: rows,
        }),
        _ if rows as u64 > limit => Err(Error::TooLarge {
            what: "rows of y",
            needed: rows as u64,
            limit,
        }),
        _ => Ok(()),
    }
}

/// Whether rows of so many bytes, of x or of y, fit one buffer of the device's.
pub(crate) fn check_buffer(gpu: &Gpu, what: &'static str, rows: usize, row: u64) -> Result<()> {
    let (needed, limit) = ((rows as u64).saturating_mul(row), gpu.limits().max_buffer_size);
    within(what, needed, limit)
}

fn check_features(gpu: &Gpu, kernel: &Kernel, axes: &Axes) -> Result<()> {
    let missing = axes.caps() - gpu.traits().caps;
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Error::Feature {
            kernel: format!("{} with outputs in f16", kernel.name),
            missing: format!("{missing:?}"),
        }),
    }
}

/// Each operand has one binding.
fn check_operands(epilogues: &[Epilogue]) -> Result<()> {
    for (i, epilogue) in epilogues.iter().enumerate() {
        let asked = epilogues[..=i].iter().filter(|e| *e == epilogue).count();
        if asked > 1 && epilogue.operand().is_some() {
            return Err(Error::Part {
                at: format!("epilogue {epilogue:?}"),
                what: "times it is asked".into(),
                expected: "1".into(),
                got: asked.to_string(),
            });
        }
    }
    Ok(())
}

fn check_slices(asked: usize, kernel: &Kernel, a: &Arrangement) -> Result<()> {
    let expected = match () {
        _ if asked == 0 => "1 or more",
        _ if !kernel.slices => "1 with this kernel",
        _ if !a.sums_once() => "1 of a product by experts",
        _ => return Ok(()),
    };
    Err(Error::Part {
        at: kernel.name.into(),
        what: "slices".into(),
        expected: expected.into(),
        got: asked.to_string(),
    })
}

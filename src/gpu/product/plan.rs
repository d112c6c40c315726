//! From what is asked of a product to its dispatches, as numbers: a pure function of the weights' shape and the
//! device's limits.

use crate::gpu::dispatch::job::{Job, Stack, Work, runs};
use crate::gpu::dispatch::range::Span;
use crate::gpu::dispatch::run_length::{run_in_time, run_of};
use crate::gpu::product::check_epilogues::check_epilogues;
use crate::gpu::product::rounding;
use crate::reserve::within;
use crate::shader::axes::{Axes, Axis};
use crate::shader::choose::slices;
use crate::shader::epilogue::Extent;
use crate::shader::kernels::Kernel;
use crate::shader::traits::Traits;
use crate::shader::tuning::{self, Tuning};
use crate::{Error, Result};

/// Which rows of which matrices are multiplied by what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrangement {
    pub axis: Axis,
    /// Matrices in the packed one; at least 1.
    pub members: usize,
    /// Rows of x and of y.
    pub x_rows: usize,
    pub y_rows: usize,
    /// Rows of x that the kernel counts in each layer of the grid.
    pub m: usize,
    /// Layers of the grid, not counting slices.
    pub depth: usize,
    /// Rows of x that a matrix is multiplied by, on the average: what kernels are chosen by.
    pub typical_m: usize,
}

/// The shape of packed weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WeightsShape<'a> {
    pub n: usize,
    pub k: usize,
    /// Rows in each slab.
    pub slabs: &'a [usize],
}

/// Sizes that a device allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Bytes of a binding.
    pub binding: u64,
    /// Bytes of a buffer.
    pub buffer: u64,
}

/// What is asked.
pub(crate) struct Request<'a> {
    pub kernel: &'static Kernel,
    pub shape: WeightsShape<'a>,
    pub arrangement: Arrangement,
    /// All but the slices.
    pub axes: Axes,
    /// Slices that were asked for; without, the plan decides.
    pub slices: Option<usize>,
    /// Whether the dispatches are to serve any number of rows up to those of the arrangement.
    pub each_m: bool,
    pub traits: &'a Traits,
    pub sizes: Sizes,
}

/// The dispatches of a product.
#[derive(Clone, Debug)]
pub(crate) struct ProductPlan {
    pub tuning: Tuning,
    pub axes: Axes,
    /// Rows of x that one dispatch takes, and whether it may be given fewer.
    pub run: usize,
    pub each_m: bool,
    /// Spans of x, of y or the sums, of ids where the axis has any, and of operands where nothing is summed up
    /// afterwards.
    pub jobs: Vec<Job>,
    /// The second dispatch, where k is sliced.
    pub sum: Option<Sum>,
    /// Whether ids, or groups, are bound.
    pub ids: bool,
}

/// The second dispatch of a product whose k is sliced.
#[derive(Clone, Debug)]
pub(crate) struct Sum {
    pub tuning: Tuning,
    /// Spans of the sums, of y and of operands.
    pub job: Job,
    /// Bytes of the sums.
    pub bytes: u64,
}

/// Plans a product.
pub(crate) fn plan(mut request: Request) -> Result<ProductPlan> {
    let a = request.arrangement;
    check_epilogues(&request.axes.epilogues)?;
    let tuning = (request.kernel.tuning)(request.traits, a.typical_m);
    let rows = Rows::new(&request)?;
    let buffer = request.sizes.buffer;
    within("x in bytes", (a.x_rows as u64).saturating_mul(rows.x_given), buffer)?;
    within("y in bytes", (a.y_rows as u64).saturating_mul(rows.y), buffer)?;
    let run = rows.run(&request, &tuning)?;
    request.axes.slices = request.slice_count(&rows, &tuning, run)?;
    let ids = a.ids_bytes(tuning.tile_m as usize);
    Ok(ProductPlan {
        jobs: request.jobs(&rows, &tuning, run, ids),
        sum: (request.axes.slices > 1).then(|| request.sum(&rows)),
        ids: ids.is_some(),
        axes: request.axes,
        each_m: request.each_m,
        run,
        tuning,
    })
}

impl ProductPlan {
    /// Rows of x that it was planned for.
    pub fn rows(&self) -> usize {
        self.jobs.last().map_or(0, |job| job.first + job.m)
    }
}

impl Tuning {
    /// A workgroup for each tile of so many rows of weights.
    fn work(&self, rows: usize) -> Work {
        Work {
            copies: rows.div_ceil(self.tile_n as usize) as u64,
            ..Work::items(1, self.tile_m.into())
        }
    }
}

impl Request<'_> {
    /// Slices of k that workgroups of their own add up: as many as are asked for, or as keep a device busy.
    fn slice_count(&self, rows: &Rows, tuning: &Tuning, run: usize) -> Result<u32> {
        let (a, k, limit) = (&self.arrangement, self.shape.k, self.sizes.binding);
        let bytes = rows.slice_bytes(a);
        match self.slices {
            None if self.axes.is_gated() => Ok(1),
            None if self.kernel.slices && a.sums_once() && run == a.m => {
                let tiles = tuning.work(rows.n).workgroups(a.m) * a.depth as u64;
                Ok(slices(self.traits, tiles, k).min((limit / bytes).max(1) as u32))
            }
            None | Some(1) => Ok(1),
            Some(asked) => {
                check_slices(asked, self.kernel, a, self.axes.is_gated())?;
                let slices = asked.min(k.div_ceil(256));
                let needed = bytes.saturating_mul(slices as u64);
                if run < a.m || needed > limit {
                    let what = "sums of slices in bytes";
                    return Err(Error::TooLarge { what, needed, limit });
                }
                Ok(slices as u32)
            }
        }
    }

    /// A job for each slab and kind of run.
    fn jobs(&self, rows: &Rows, tuning: &Tuning, run: usize, ids: Option<u64>) -> Vec<Job> {
        let (a, slices) = (&self.arrangement, self.axes.slices);
        let stack = rows.stack(a);
        let mut jobs = Vec::new();
        // A run of its own for each where there may be fewer rows.
        let alone = (0..a.m).step_by(run).map(|first| (first, run.min(a.m - first), 1));
        let runs: Vec<_> = match self.each_m {
            true => alone.collect(),
            false => runs(a.m, run).collect(),
        };
        for (first, m, times) in runs {
            let (x_rows, y_rows) = match a.axis {
                Axis::One => (m, m),
                _ => (a.x_rows, a.y_rows),
            };
            for (slab, slab_rows) in self.shape.slabs.iter().enumerate() {
                let output = match slices {
                    1 => Span::rows(first, y_rows, rows.y, run),
                    _ => self.sums(rows),
                };
                let mut given = vec![Span::rows(first, x_rows, rows.x, run), output];
                given.extend(ids.map(|bytes| Span::from(0..bytes)));
                if slices == 1 {
                    given.extend(self.operands(rows, first, y_rows, run));
                }
                jobs.push(Job {
                    slab,
                    times,
                    m,
                    first,
                    row_outputs: rows.n * a.members,
                    work: tuning.work(stack.map_or(*slab_rows, |stack| stack.n)),
                    depth: a.depth as u64 * slices as u64,
                    stack,
                    given,
                    ..Job::default()
                });
            }
        }
        jobs
    }

    /// The dispatch that adds slices up.
    fn sum(&self, rows: &Rows) -> Sum {
        let a = &self.arrangement;
        let tuning = tuning::one_invocation_a_part();
        let row_outputs = rows.n * a.members;
        let sums = self.sums(rows);
        let bytes = sums.first.end;
        let mut given = vec![sums, Span::rows(0, a.y_rows, rows.y, a.m)];
        given.extend(self.operands(rows, 0, a.y_rows, a.m));
        let job = Job {
            m: a.m,
            row_outputs,
            work: Work::items(row_outputs as u64, tuning.workgroup.into()),
            stack: rows.stack(a),
            given,
            ..Job::default()
        };
        Sum { tuning, job, bytes }
    }

    /// The sums of all slices.
    fn sums(&self, rows: &Rows) -> Span {
        (0..self.axes.slices as u64 * rows.slice_bytes(&self.arrangement)).into()
    }

    /// What epilogues read.
    fn operands(&self, rows: &Rows, first: usize, count: usize, run: usize) -> Vec<Span> {
        let of = |extent| match extent {
            Extent::Weights => (0..4 * self.shape.n as u64).into(),
            Extent::Rows => Span::rows(first, count, 4, run),
            Extent::Outputs => Span::rows(first, count, rows.y, run),
        };
        self.axes.operands().map(|operand| of(operand.extent)).collect()
    }
}

/// Bytes of the rows of x and y.
struct Rows {
    /// Rows of one matrix.
    n: usize,
    /// Whether there are several.
    is_stack: bool,
    /// A row of x as it is given, and as the kernel reads it.
    x_given: u64,
    x: u64,
    /// A row of y.
    y: u64,
}

impl Rows {
    fn new(request: &Request) -> Result<Rows> {
        let (a, shape, axes) = (&request.arrangement, request.shape, &request.axes);
        check_rows(a.y_rows, shape.k)?;
        let matrices = a.members.saturating_mul(1 + usize::from(axes.is_gated()));
        let n = shape.n / matrices;
        if n * matrices != shape.n || n == 0 {
            return Err(Error::Part {
                at: "weights".into(),
                what: "n".into(),
                expected: format!("{matrices} matrices of as many rows each"),
                got: shape.n.to_string(),
            });
        }
        let x_given = axes.inputs.bytes() as u64 * shape.k as u64;
        Ok(Rows {
            n,
            is_stack: a.axis != Axis::One || axes.is_gated(),
            x_given,
            x: match request.kernel.takes_bytes() {
                true => rounding::row_bytes(shape.k),
                false => x_given,
            },
            y: axes.outputs.bytes() as u64 * n as u64,
        })
    }

    /// Rows of x that one dispatch takes. Those of one matrix may come in runs that fit a binding.
    fn run(&self, request: &Request, tuning: &Tuning) -> Result<usize> {
        let (a, shape, axes) = (&request.arrangement, request.shape, &request.axes);
        let limit = request.sizes.binding;
        if a.axis != Axis::One {
            let (x, y) = (a.x_rows as u64 * self.x, a.y_rows as u64 * self.y);
            within("x of several products in bytes", x, limit)?;
            within("y of several products in bytes", y, limit)?;
            return Ok(a.m);
        }
        let run = run_of("64 rows of x", a.m, self.x, axes.inputs, limit)?;
        let run = run_of("64 rows of y", run, self.y, axes.outputs, limit)?;
        let rows = shape.slabs.iter().max().copied().unwrap_or(1);
        let column = 2.0 * rows as f64 * shape.k as f64;
        let tile = tuning.tile_m as usize;
        Ok(run.min(run_in_time(request.traits, column, tile, self.x, self.y)))
    }

    /// Bytes of the sums of one slice.
    fn slice_bytes(&self, a: &Arrangement) -> u64 {
        4 * (a.y_rows * self.n) as u64
    }

    fn stack(&self, a: &Arrangement) -> Option<Stack> {
        self.is_stack.then_some(Stack {
            n: self.n,
            members: a.members,
            sharing: (a.y_rows / a.x_rows.max(1)).max(1),
        })
    }
}

impl Arrangement {
    /// One matrix and m rows of x.
    pub fn one(m: usize) -> Arrangement {
        Arrangement {
            axis: Axis::One,
            members: 1,
            x_rows: m,
            y_rows: m,
            m,
            depth: 1,
            typical_m: m,
        }
    }

    /// Whether outputs may be made of sums in a second dispatch that knows nothing of ids.
    fn sums_once(&self) -> bool {
        matches!(self.axis, Axis::One | Axis::Batched)
    }

    /// Bytes of what tells which matrix is whose.
    fn ids_bytes(&self, tile_m: usize) -> Option<u64> {
        match self.axis {
            Axis::One | Axis::Batched => None,
            Axis::Experts => Some(4 * self.y_rows as u64),
            Axis::Grouped => Some(4 * (self.m / tile_m + self.m) as u64),
        }
    }
}

/// Whether there can be so many rows of y, which kernels count in words.
pub(crate) fn check_rows(rows: usize, k: usize) -> Result<()> {
    if rows == 0 {
        return Err(Error::Length {
            what: "m",
            shape: format!("[m, {k}]"),
            unit: "row of x at least",
            expected: 1,
            got: rows,
        });
    }
    within("rows of y", rows as u64, u32::MAX as u64 / 2)
}

fn check_slices(asked: usize, kernel: &Kernel, a: &Arrangement, is_gated: bool) -> Result<()> {
    let expected = match () {
        _ if asked == 0 => "1 or more",
        _ if is_gated => "1 of a product with a gate",
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

#[cfg(test)]
mod tests;

//! From a plan to compiled dispatches.

use crate::gpu::device::layouts::{Access, Binding};
use crate::gpu::device::weights::Weights;
use crate::gpu::dispatch::dispatch::{Compiled, Dispatch};
use crate::gpu::dispatch::job::Job;
use crate::gpu::dispatch::sequence::{Arg, MOST_ARGS, Sequence, Steps, Wire};
use crate::gpu::product::around::Around;
use crate::gpu::product::plan::ProductPlan;
use crate::gpu::product::rounding::Rounding;
use crate::shader::bindings;
use crate::shader::compose::{compose_sum, compose_with};
use crate::shader::epilogue::Operand;
use crate::shader::kernels::Kernel;
use crate::shader::source::Source;
use crate::{Error, Result};
use std::sync::Arc;
use wgpu::{Buffer, BufferSlice, ComputePass};

/// A compiled product. The arguments of its sequence are x, y, ids where it has any, and the operands of epilogues.
pub(crate) struct Product {
    pub sequence: Sequence,
    pub kernel: &'static Kernel,
    pub weights: Weights,
    /// Dispatches of the kernel itself.
    pub dispatches: usize,
    pub slices: usize,
    around: Around,
    /// The sums of slices, shared with other products.
    _sums: Option<Arc<Buffer>>,
}

/// A plan with its kernels compiled: products of one shape share it.
pub(crate) struct Prepared {
    pub kernel: &'static Kernel,
    pub plan: ProductPlan,
    main: Arc<Compiled>,
    sum: Option<Arc<Compiled>>,
}

/// The arguments of every product; ids and operands come after them.
pub(crate) const X: Wire = Wire::Arg(0);
pub(crate) const Y: Wire = Wire::Arg(1);

impl Prepared {
    /// Compiles a plan. `edit` changes the text of the kernel: tests have it.
    pub async fn new(
        weights: &Weights,
        kernel: &'static Kernel,
        plan: ProductPlan,
        edit: impl Fn(&mut Source),
    ) -> Result<Prepared> {
        let (format, k, dialect) = (weights.format(), weights.k(), weights.gpu().traits().dialect);
        let operands: Vec<Binding> = plan.axes.operands().map(|o| (o.binding, Access::Reads)).collect();
        let ids = plan.ids.then_some((bindings::IDS, Access::Reads));
        let mut given: Vec<Binding> = PRODUCT.into_iter().chain(ids).collect();
        // Operands meet the sums once these are whole: in the kernel, or in the dispatch that adds slices.
        if plan.sum.is_none() {
            given.extend(&operands);
        }
        let mut source = compose_with(format, kernel, &plan.tuning, k, &plan.axes, dialect);
        edit(&mut source);
        let main = weights.compile(source, &plan.tuning, given).await?;
        let sum = match &plan.sum {
            None => None,
            Some(sum) => {
                let source = compose_sum(&sum.tuning, &plan.axes);
                let given = PRODUCT.into_iter().chain(operands).collect();
                Some(weights.compile(source, &sum.tuning, given).await?)
            }
        };
        Ok(Prepared {
            kernel,
            plan,
            main,
            sum,
        })
    }
}

impl Product {
    pub async fn new(weights: &Weights, prepared: &Prepared, around: Around) -> Result<Product> {
        let gpu = weights.gpu();
        let plan = &prepared.plan;
        let mut steps = Steps::default();
        let mut args = vec![Arg::read("x"), Arg::written("y")];
        let mut x = X;
        let takes_bytes = prepared.kernel.takes_bytes();
        if let Some(rounding) = around.rounding.as_ref().filter(|_| takes_bytes) {
            x = steps.scratch(&rounding.rounded);
            steps.push(rounding.dispatch.clone(), vec![X, x]);
        }
        let ids = plan.ids.then(|| push(&mut args, "ids"));
        // In the order in which the plan has their spans: the zero point's is the first operand.
        let zero_point = around.zero_point.as_ref().filter(|_| plan.axes.zero_point);
        let mut own = zero_point.map(|buffer| steps.scratch(buffer)).into_iter();
        let wire = |operand: Operand| own.next().unwrap_or_else(|| push(&mut args, operand.name));
        let operands: Vec<Wire> = plan.axes.operands().map(wire).collect();

        let sums = match &plan.sum {
            None => None,
            Some(sum) => Some(gpu.scratch("sums of slices", sum.bytes).await?),
        };
        let output = sums.as_ref().map_or(Y, |sums| steps.scratch(sums));
        let mut wires = vec![x, output];
        wires.extend(ids);
        if sums.is_none() {
            wires.extend(&operands);
        }
        let dispatch = plan.dispatch(weights, &prepared.main, plan.jobs.clone()).await?;
        let dispatches = dispatch.count();
        steps.push(dispatch, wires);
        if let (Some(sum), Some(compiled)) = (&plan.sum, &prepared.sum) {
            let adds = plan.dispatch(weights, compiled, vec![sum.job.clone()]).await?;
            steps.push(adds, [output, Y].into_iter().chain(operands).collect());
        }
        Ok(Product {
            sequence: Sequence::new(gpu, &args, steps),
            kernel: prepared.kernel,
            weights: weights.clone(),
            dispatches,
            slices: plan.axes.slices as usize,
            around,
            _sums: sums,
        })
    }

    /// What its first dispatch does, where that rounds x.
    pub fn rounding(&self) -> Option<&Rounding> {
        self.around.rounding.as_ref().filter(|_| self.kernel.takes_bytes())
    }
}

impl ProductPlan {
    async fn dispatch(&self, weights: &Weights, compiled: &Arc<Compiled>, jobs: Vec<Job>) -> Result<Dispatch> {
        match self.each_m {
            true => weights.dispatch_each_m(compiled.clone(), jobs, self.run).await,
            false => weights.dispatch(compiled.clone(), jobs).await,
        }
    }
}

/// Records the first `rows` rows of a sequence whose last arguments are the operands of epilogues.
pub(crate) fn encode(
    sequence: &Sequence,
    pass: &mut ComputePass,
    args: &[BufferSlice],
    operands: &[BufferSlice],
    rows: usize,
) -> Result<()> {
    with_operands(sequence, args, operands, |all| sequence.encode_rows(pass, all, rows))
}

/// Calls `f` with all arguments of a sequence, of which the last are the operands of epilogues.
pub(crate) fn with_operands<T>(
    sequence: &Sequence,
    args: &[BufferSlice],
    operands: &[BufferSlice],
    f: impl FnOnce(&[BufferSlice]) -> Result<T>,
) -> Result<T> {
    let expected = sequence.args().len() - args.len();
    if operands.len() != expected {
        return Err(Error::Part {
            at: "operands of epilogues".into(),
            what: "their number".into(),
            expected: expected.to_string(),
            got: operands.len().to_string(),
        });
    }
    // No vector, so that recording allocates nothing.
    let mut all = [args[0]; MOST_ARGS];
    let count = sequence.args().len();
    for (place, slice) in all.iter_mut().zip(args.iter().chain(operands)) {
        *place = *slice;
    }
    f(&all[..count])
}

/// x and y, or what stands for them.
const PRODUCT: [Binding; 2] = [(bindings::INPUT, Access::Reads), (bindings::OUTPUT, Access::Writes)];

fn push(args: &mut Vec<Arg>, name: &'static str) -> Wire {
    args.push(Arg::read(name));
    Wire::Arg(args.len() - 1)
}

//! From a plan to compiled dispatches.

use crate::gpu::device::layouts::{Access, Binding};
use crate::gpu::device::weights::Weights;
use crate::gpu::dispatch::sequence::{Arg, MOST_ARGS, Sequence, Steps, Wire};
use crate::gpu::product::plan::ProductPlan;
use crate::gpu::product::rounding::Rounding;
use crate::shader::bindings;
use crate::shader::compose::{compose_sum, compose_with};
use crate::shader::epilogue::Operand;
use crate::shader::kernels::Kernel;
use crate::shader::source::Source;
use crate::{Error, Result};
use wgpu::{Buffer, BufferSlice, BufferUsages, ComputePass};

/// A compiled product. The arguments of its sequence are x, y, ids where it has any, and the operands of epilogues.
pub(crate) struct Product {
    pub sequence: Sequence,
    pub kernel: &'static Kernel,
    pub weights: Weights,
    /// Dispatches of the kernel itself.
    pub dispatches: usize,
    pub slices: usize,
    /// x as the kernel reads it, where it is rounded first.
    pub rounded: Option<Buffer>,
}

/// What stands around the kernel.
pub(crate) struct Around {
    /// What rounds x first.
    pub rounding: Option<Rounding>,
    /// What the zero point of x adds to each output.
    pub zero_point: Option<Buffer>,
}

/// The arguments of every product; ids and operands come after them.
pub(crate) const X: Wire = Wire::Arg(0);
pub(crate) const Y: Wire = Wire::Arg(1);

impl Product {
    /// Compiles a plan. `edit` changes the text of the kernel: tests have it.
    pub async fn new(
        weights: &Weights,
        kernel: &'static Kernel,
        plan: ProductPlan,
        around: Around,
        edit: impl Fn(&mut Source),
    ) -> Result<Product> {
        let gpu = weights.gpu();
        let mut steps = Steps::default();
        let mut args = vec![Arg::read("x"), Arg::written("y")];
        let (mut x, mut rounded) = (X, None);
        if let Some(rounding) = around.rounding {
            x = steps.scratch(&rounding.rounded);
            rounded = Some(rounding.rounded);
            steps.push(rounding.dispatch, vec![X, x]);
        }
        let ids = plan.ids.then(|| push(&mut args, "ids"));
        // In the order in which the plan has their spans: the zero point's is the first operand.
        let mut own = around
            .zero_point
            .as_ref()
            .map(|buffer| steps.scratch(buffer))
            .into_iter();
        let operands: Vec<Operand> = plan.axes.operands().collect();
        let wire = |operand: &Operand| own.next().unwrap_or_else(|| push(&mut args, operand.name));
        let operand_wires: Vec<Wire> = operands.iter().map(wire).collect();
        let operand_bindings = operands.iter().map(|operand| (operand.binding, Access::Reads));

        // Operands meet the sums once these are whole: in the kernel, or in the dispatch that adds slices.
        let mut given = PRODUCT.to_vec();
        given.extend(ids.map(|_| (bindings::IDS, Access::Reads)));
        let mut wires = vec![x, Y];
        wires.extend(ids);
        match &plan.sum {
            None => {
                given.extend(operand_bindings.clone());
                wires.extend(&operand_wires);
            }
            Some(sum) => {
                let sums = gpu.buffer("sums of slices", sum.bytes, BufferUsages::STORAGE).await?;
                wires[1] = steps.scratch(&sums);
            }
        }
        let output = wires[1];
        let (format, k, dialect) = (weights.format(), weights.k(), gpu.traits().dialect);
        let mut source = compose_with(format, kernel, &plan.tuning, k, &plan.axes, dialect);
        edit(&mut source);
        let dispatch = weights.dispatch(source, plan.tuning, plan.jobs, given).await?;
        let dispatches = dispatch.count();
        steps.push(dispatch, wires);
        if let Some(sum) = plan.sum {
            let source = compose_sum(&sum.tuning, &plan.axes);
            let given = PRODUCT.into_iter().chain(operand_bindings).collect();
            let adds = weights.dispatch(source, sum.tuning, vec![sum.job], given).await?;
            steps.push(adds, [output, Y].into_iter().chain(operand_wires).collect());
        }
        Ok(Product {
            sequence: Sequence::new(gpu, &args, steps),
            kernel,
            weights: weights.clone(),
            dispatches,
            slices: plan.axes.slices as usize,
            rounded,
        })
    }

    /// Records it: `args` are x, y and ids where it has any, `operands` those of epilogues.
    pub fn encode(&self, pass: &mut ComputePass, args: &[BufferSlice], operands: &[BufferSlice]) -> Result<()> {
        encode(&self.sequence, pass, args, operands)
    }
}

/// Records a sequence whose last arguments are the operands of epilogues.
pub(crate) fn encode(
    sequence: &Sequence,
    pass: &mut ComputePass,
    args: &[BufferSlice],
    operands: &[BufferSlice],
) -> Result<()> {
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
    sequence.encode(pass, &all[..count])
}

/// x and y, or what stands for them.
const PRODUCT: [Binding; 2] = [(bindings::INPUT, Access::Reads), (bindings::OUTPUT, Access::Writes)];

fn push(args: &mut Vec<Arg>, name: &'static str) -> Wire {
    args.push(Arg::read(name));
    Wire::Arg(args.len() - 1)
}

//! A product made ready: one dispatch for each slab and run of rows, or two where k is sliced.

use crate::gpu::dispatch::bound::Ready;
use crate::gpu::dispatch::kept::Groups;
use crate::gpu::dispatch::prepared::{MOST_OTHERS, Prepared, check_binding};
use crate::gpu::product::rounding::Rounding;
use crate::{Error, Result};
use wgpu::{Buffer, BufferSlice, ComputePass};

/// One or two dispatches made ready.
pub(crate) struct Recorded {
    /// What comes before a product of integers.
    pub rounding: Option<Rounding>,
    /// What the zero point of x adds to each output, to be taken away.
    pub zero_point: Option<Buffer>,
    pub x_rows: usize,
    pub prepared: Prepared,
    pub sum: Option<Sum>,
    /// Epilogues that have an operand of the caller's.
    pub operands: usize,
}

/// The second dispatch of a product whose k is sliced.
pub(crate) struct Sum {
    pub prepared: Prepared,
    pub sums: Buffer,
    pub slices: usize,
}

/// A product with its buffers.
pub(crate) struct ReadyProduct<'a> {
    rounding: Vec<Ready<'a>>,
    product: (&'a Prepared, Groups),
    sum: Option<(&'a Prepared, Groups)>,
}

impl ReadyProduct<'_> {
    pub fn record(&self, pass: &mut ComputePass) {
        self.rounding.iter().for_each(|step| step.record(pass));
        let (product, groups) = &self.product;
        product.record(pass, groups);
        if let Some((sum, groups)) = &self.sum {
            sum.record(pass, groups);
        }
    }
}

impl Recorded {
    pub fn slices(&self) -> usize {
        self.sum.as_ref().map_or(1, |sum| sum.slices)
    }

    /// Records it. `ids` (or groups) are of the axis, `operands` those of epilogues.
    pub fn encode(
        &self,
        pass: &mut ComputePass,
        x: BufferSlice,
        y: BufferSlice,
        ids: Option<BufferSlice>,
        operands: &[BufferSlice],
    ) -> Result<()> {
        self.bind(x, y, ids, operands)?.record(pass);
        Ok(())
    }

    /// Checks and binds all of it: nothing that is left can fail.
    pub fn bind(
        &self,
        x: BufferSlice,
        y: BufferSlice,
        ids: Option<BufferSlice>,
        operands: &[BufferSlice],
    ) -> Result<ReadyProduct<'_>> {
        self.check(x, y, ids, operands)?;
        let (rounding, x) = match &self.rounding {
            None => (Vec::new(), x),
            Some(rounding) => (rounding.bind(x)?, rounding.rounded().slice(..)),
        };
        let (product, sum) = match &self.sum {
            None => {
                let bind = |others: &[BufferSlice]| self.prepared.bind(Some(x), y, others);
                (self.with_own(ids, operands, bind)?, None)
            }
            Some(sum) => {
                let sums = sum.sums.slice(..);
                let product = self.prepared.bind(Some(x), sums, &[])?;
                let bind = |others: &[BufferSlice]| sum.prepared.bind(Some(sums), y, others);
                let added = self.with_own(None, operands, bind)?;
                (product, Some((&sum.prepared, added)))
            }
        };
        Ok(ReadyProduct {
            rounding,
            product: (&self.prepared, product),
            sum,
        })
    }

    /// Whether all buffers can be bound: asked before anything is recorded.
    pub fn check(
        &self,
        x: BufferSlice,
        y: BufferSlice,
        ids: Option<BufferSlice>,
        operands: &[BufferSlice],
    ) -> Result<()> {
        if operands.len() != self.operands {
            return Err(Error::Part {
                at: "operands of epilogues".into(),
                what: "their number".into(),
                expected: self.operands.to_string(),
                got: operands.len().to_string(),
            });
        }
        if x.buffer() == y.buffer() {
            return Err(Error::Aliased("x", "y"));
        }
        let x = match &self.rounding {
            None => ("x", x),
            Some(rounding) => {
                let weights = self.prepared.weights();
                let needed = 4 * self.x_rows as u64 * weights.k() as u64;
                check_binding(weights.gpu(), "x", x, needed)?;
                ("rounded x", rounding.rounded().slice(..))
            }
        };
        match &self.sum {
            None => self.with_own(ids, operands, |others| self.prepared.check(Some(x), ("y", y), others)),
            Some(sum) => {
                let sums = ("sums", sum.sums.slice(..));
                self.prepared.check(Some(x), sums, &[])?;
                self.with_own(None, operands, |others| {
                    sum.prepared.check(Some(sums), ("y", y), others)
                })
            }
        }
    }

    /// Calls `with` what is bound beside x and y. No vector, so that recording allocates nothing.
    fn with_own<T>(
        &self,
        ids: Option<BufferSlice>,
        operands: &[BufferSlice],
        with: impl FnOnce(&[BufferSlice]) -> Result<T>,
    ) -> Result<T> {
        let zero_point = self.zero_point.as_ref().map(|buffer| buffer.slice(..));
        let own = [ids, zero_point];
        let mut own = own.into_iter().flatten().peekable();
        let Some(&first) = own.peek() else {
            return with(operands);
        };
        let mut others = [first; MOST_OTHERS];
        let mut count = 0;
        for slice in own.chain(operands.iter().copied()) {
            others[count] = slice;
            count += 1;
        }
        with(&others[..count])
    }
}

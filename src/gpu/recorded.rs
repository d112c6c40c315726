//! A product made ready: one dispatch for each slab and run of rows, or two where k is sliced.

use super::encode::{check_binding, Prepared, MOST_OTHERS};
use super::rounding::Rounding;
use crate::{Error, Result};
use wgpu::{Buffer, BufferSlice, ComputePass};

/// One or two dispatches made ready.
pub(super) struct Recorded {
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
pub(super) struct Sum {
    pub prepared: Prepared,
    pub sums: Buffer,
    pub slices: usize,
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
        self.check(x, y, ids, operands)?;
        let x = match &self.rounding {
            None => Some(("x", x)),
            Some(rounding) => {
                rounding.encode(pass, x)?;
                Some(("rounded x", rounding.rounded().slice(..)))
            }
        };
        match &self.sum {
            None => self.with_own(ids, operands, |others| {
                self.prepared.encode_with(pass, x, ("y", y), others)
            }),
            Some(sum) => {
                let sums = ("sums", sum.sums.slice(..));
                self.prepared.encode_with(pass, x, sums, &[])?;
                self.with_own(None, operands, |others| {
                    sum.prepared.encode_with(pass, Some(sums), ("y", y), others)
                })
            }
        }
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
            None => self.with_own(ids, operands, |others| {
                self.prepared.check(Some(x), ("y", y), others)
            }),
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
    fn with_own(
        &self,
        ids: Option<BufferSlice>,
        operands: &[BufferSlice],
        with: impl FnOnce(&[BufferSlice]) -> Result<()>,
    ) -> Result<()> {
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

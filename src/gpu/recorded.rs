//! A product made ready: one dispatch for each slab and run of rows, or two where k is sliced.

use super::encode::{check_binding, Prepared, MOST_OTHERS};
use super::rounding::Rounding;
use crate::{Error, Result};
use wgpu::{Buffer, BufferSlice, ComputePass};

/// One or two dispatches made ready.
pub(super) struct Recorded {
    /// What comes before a product of integers.
    pub rounding: Option<Rounding>,
    pub x_rows: usize,
    pub prepared: Prepared,
    pub sum: Option<Sum>,
    /// Epilogues that have an operand.
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
            None => with_ids(ids, operands, |others| {
                self.prepared.encode_with(pass, x, ("y", y), others)
            }),
            Some(sum) => {
                let sums = ("sums", sum.sums.slice(..));
                self.prepared.encode_with(pass, x, sums, &[])?;
                sum.prepared
                    .encode_with(pass, Some(sums), ("y", y), operands)
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
            None => with_ids(ids, operands, |others| {
                self.prepared.check(Some(x), ("y", y), others)
            }),
            Some(sum) => {
                let sums = ("sums", sum.sums.slice(..));
                self.prepared.check(Some(x), sums, &[])?;
                sum.prepared.check(Some(sums), ("y", y), operands)
            }
        }
    }
}

/// Calls `with` what is bound beside x and y. No vector, so that recording allocates nothing.
fn with_ids(
    ids: Option<BufferSlice>,
    operands: &[BufferSlice],
    with: impl FnOnce(&[BufferSlice]) -> Result<()>,
) -> Result<()> {
    let Some(ids) = ids else {
        return with(operands);
    };
    let mut others = [ids; MOST_OTHERS];
    others[1..=operands.len()].copy_from_slice(operands);
    with(&others[..=operands.len()])
}

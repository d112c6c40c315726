//! Several products of one x.

use crate::Result;
use crate::gpu::product::make::with_operands;
use crate::gpu::product::matmul::MatMul;
use crate::gpu::product::rounding::Rounding;
#[cfg(doc)]
use crate::{Error, Precision};
use wgpu::{BufferSlice, ComputePass};

/// One of several products of an x: where its outputs go, and the operands of its epilogues.
pub type OfOneX<'a> = (&'a MatMul, BufferSlice<'a>, &'a [BufferSlice<'a>]);

impl MatMul {
    /// Records products of the same `rows` rows of `x`, as for queries, keys and values: like
    /// [`encode_rows_with`](Self::encode_rows_with) of each in turn, but x is rounded once where several round it
    /// ([`Precision::I8`] by the same input scale).
    ///
    /// # Errors
    /// Those of `encode_rows_with` for any of them; nothing is recorded then. [`Error::Aliased`] does not tell that one
    /// writes what another reads: they run in their order.
    pub fn encode_of_one_x(pass: &mut ComputePass, x: BufferSlice, products: &[OfOneX], rows: usize) -> Result<()> {
        let mut bound = Vec::with_capacity(products.len());
        for (product, y, operands) in products {
            product.kernels().check_rows(rows, product.m())?;
            let made = product.product_of(rows);
            let groups = with_operands(&made.sequence, &[x, *y], operands, |all| {
                made.sequence.checked(all, rows)
            });
            bound.push((made, groups?));
        }
        let mut last: Option<&Rounding> = None;
        for (product, groups) in bound {
            let rounding = product.rounding();
            let done = matches!((last, rounding), (Some(last), Some(next)) if last.is_same(next));
            product.sequence.record(pass, &groups, rows, done.into());
            last = rounding.or(last);
        }
        Ok(())
    }
}

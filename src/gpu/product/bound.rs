//! A product with its buffers.

use crate::Result;
use crate::gpu::dispatch::kept::Groups;
use crate::gpu::product::matmul::Kernels;
#[cfg(doc)]
use crate::gpu::product::matmul::MatMul;
use std::sync::Arc;
use wgpu::ComputePass;

/// A [`MatMul`] with its buffers, bound once and recorded as often as wanted: [`MatMul::bind`]. It keeps the buffers
/// alive, and the product too.
pub struct Bound {
    kernels: Arc<Kernels>,
    /// The bind groups of each rung.
    groups: Vec<Groups>,
    /// The rows that the buffers have room for, no more than the product takes.
    rows: usize,
}

impl Bound {
    pub(crate) fn new(kernels: Arc<Kernels>, groups: Vec<Groups>, rows: usize) -> Bound {
        Bound { kernels, groups, rows }
    }

    /// The most rows that it can be recorded for.
    pub fn m(&self) -> usize {
        self.rows
    }

    /// Records the product of all its rows: nothing is checked, made or looked up.
    pub fn encode(&self, pass: &mut ComputePass) {
        self.record(pass, self.rows);
    }

    /// Records the product of the first `rows` rows.
    ///
    /// # Errors
    /// As [`MatMul::encode_rows`].
    pub fn encode_rows(&self, pass: &mut ComputePass, rows: usize) -> Result<()> {
        self.kernels.check_rows(rows, self.rows)?;
        self.record(pass, rows);
        Ok(())
    }

    fn record(&self, pass: &mut ComputePass, rows: usize) {
        let rung = self.kernels.rung(rows);
        self.kernels.products[rung]
            .sequence
            .record(pass, &self.groups[rung], rows, 0);
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bound({} rows)", self.rows)
    }
}

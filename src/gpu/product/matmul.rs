//! A product on the device.

#[cfg(doc)]
use crate::Error;
use crate::gpu::device::weights::Weights;
use crate::gpu::product::make::Product;
use crate::{Precision, Result};
use wgpu::{BufferSlice, ComputePass};

/// A product made ready: `y[m, n] = Σ_k x[m, k] · w[n, k]` for one matrix and one m, its kernel
/// chosen and compiled. Recording it submits nothing and allocates no GPU memory.
pub struct MatMul {
    pub(crate) product: Product,
    m: usize,
    precision: Precision,
}

impl MatMul {
    pub(crate) fn of(product: Product, m: usize, precision: Precision) -> MatMul {
        MatMul { product, m, precision }
    }

    /// The name of the kernel that was chosen.
    pub fn kernel(&self) -> &str {
        self.product.kernel.name
    }

    /// Rows of x and y; of a batch, of each pair.
    pub fn m(&self) -> usize {
        self.m
    }

    /// Slices of k that are added up apart; 1 unless the product is of few tiles.
    pub fn slices(&self) -> usize {
        self.product.slices
    }

    /// What was allowed when it was made.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Dispatches that one recording makes: more than one where limits, or the time that a single one may
    /// take, ask for it.
    pub fn dispatches(&self) -> usize {
        self.product.dispatches
    }

    /// The matrix that it multiplies by.
    pub fn weights(&self) -> &Weights {
        &self.product.weights
    }

    /// Records the product into a pass of the caller's: `x` holds m rows of k f32, `y` takes m
    /// rows of n. Both need `BufferUsages::STORAGE`, an offset that the device's
    /// `min_storage_buffer_offset_alignment` divides, and buffers of their own.
    ///
    /// Sets the pass's pipeline and bind group 0. Bind groups for the last 16 pairs of buffers are
    /// kept, and keep those buffers alive as long as this object.
    ///
    /// # Errors
    /// [`Error::Binding`], [`Error::Alignment`], [`Error::Usage`], [`Error::Aliased`]; nothing is
    /// recorded then.
    pub fn encode(&self, pass: &mut ComputePass, x: BufferSlice, y: BufferSlice) -> Result<()> {
        self.encode_with(pass, x, y, &[])
    }

    /// As `encode`, with a buffer for each epilogue that has an operand, in the order in which they were
    /// asked. Requirements are those of `x`.
    ///
    /// # Errors
    /// Those of `encode`; [`Error::Part`] where there are more or fewer operands.
    pub fn encode_with(
        &self,
        pass: &mut ComputePass,
        x: BufferSlice,
        y: BufferSlice,
        operands: &[BufferSlice],
    ) -> Result<()> {
        self.product.encode(pass, &[x, y], operands)
    }
}

impl std::fmt::Debug for MatMul {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kernel, m, w) = (self.kernel(), self.m, self.weights());
        let (format, n, k) = (w.format(), w.n(), w.k());
        write!(f, "MatMul({kernel}, {format} [{n}, {k}], m = {m})")
    }
}

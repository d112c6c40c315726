//! A product on the device.

#[cfg(doc)]
use crate::Error;
use crate::gpu::device::weights::Weights;
use crate::gpu::product::make::Product;
use crate::{Precision, Result};
use wgpu::{BufferSlice, ComputePass};

/// A compiled product: `y[m, n] = Σ_k x[m, k] · w[n, k]` for one matrix and one m, with its kernel chosen. Recording it
/// submits nothing and allocates no GPU memory.
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

    /// Rows of x and y; in a batch, of each product.
    pub fn m(&self) -> usize {
        self.m
    }

    /// Slices of k that are summed separately; 1 unless the product has few tiles.
    pub fn slices(&self) -> usize {
        self.product.slices
    }

    /// The precision that it was built with.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Dispatches of the kernel in one recording: more than one if limits, or the time that one dispatch may take,
    /// require it.
    pub fn dispatches(&self) -> usize {
        self.product.dispatches
    }

    /// The matrix that it multiplies by.
    pub fn weights(&self) -> &Weights {
        &self.product.weights
    }

    /// Records the product into the caller's pass: `x` holds m rows of k f32, `y` receives m rows of n. Both need
    /// `BufferUsages::STORAGE`, an offset that is a multiple of the device's `min_storage_buffer_offset_alignment`, and
    /// buffers of their own.
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

    /// Like [`encode`](Self::encode), with a buffer for each epilogue that has an operand, in the order in which the
    /// epilogues were added. The requirements are those of `x`.
    ///
    /// # Errors
    /// Those of `encode`; [`Error::Part`] if there are more or fewer operands.
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

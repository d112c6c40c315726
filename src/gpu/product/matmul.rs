//! Products on the device.

use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::weights::Weights;
use crate::gpu::product::builder::MatMulBuilder;
use crate::gpu::product::recorded::{ReadyProduct, Recorded};
use crate::{Error, Precision, Result};
use wgpu::{BufferSlice, ComputePass};

/// A product made ready: `y[m, n] = Σ_k x[m, k] · w[n, k]` for one matrix and one m, its kernel
/// chosen and compiled. Recording it submits nothing and allocates no GPU memory.
pub struct MatMul {
    recorded: Recorded,
    m: usize,
    precision: Precision,
}

impl MatMul {
    /// Chooses and compiles a kernel for `m` rows of inputs.
    ///
    /// # Errors
    /// [`Error::OtherDevice`] where `gpu` is not the one that holds the weights,
    /// [`Error::Length`] where `m` is 0, [`Error::TooLarge`] where 64 rows of x or y are larger
    /// than a binding may be, or all of them than a buffer, [`Error::Shader`] where the driver refuses the kernel.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(gpu: &Gpu, weights: &Weights, m: usize, precision: Precision) -> Result<MatMul> {
        pollster::block_on(MatMul::prepare(gpu, weights, m, precision))
    }

    /// As `new`, with the product kernel of this name ([`KERNELS`](crate::KERNELS)).
    ///
    /// # Errors
    /// [`Error::Unknown`] where no product kernel has this name, [`Error::DeviceLimit`] and
    /// [`Error::Feature`] where this device cannot run it, [`Error::Precision`] where it rounds more
    /// than `precision` allows, [`Error::NoCodes`] where it cannot serve the format, and those of `new`.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn with_kernel(gpu: &Gpu, weights: &Weights, m: usize, precision: Precision, kernel: &str) -> Result<MatMul> {
        pollster::block_on(MatMul::prepare_kernel(gpu, weights, m, precision, kernel))
    }

    /// As `new`, for callers that must not block.
    pub async fn prepare(gpu: &Gpu, weights: &Weights, m: usize, precision: Precision) -> Result<MatMul> {
        let builder = MatMul::builder(gpu, weights, m);
        builder.precision(precision).prepare().await
    }

    /// As `with_kernel`, for callers that must not block.
    pub async fn prepare_kernel(
        gpu: &Gpu,
        weights: &Weights,
        m: usize,
        precision: Precision,
        kernel: &str,
    ) -> Result<MatMul> {
        let builder = MatMul::builder(gpu, weights, m).precision(precision);
        builder.kernel(kernel).prepare().await
    }

    /// As `with_kernel`, with the shader's text changed by `edit`: how tests prove that they would
    /// see a broken shader.
    #[doc(hidden)]
    #[cfg(not(target_arch = "wasm32"))]
    pub fn with_edited_shader(
        gpu: &Gpu,
        weights: &Weights,
        m: usize,
        kernel: &str,
        edit: impl Fn(&str) -> String,
    ) -> Result<MatMul> {
        let builder = MatMul::builder(gpu, weights, m);
        builder.kernel(kernel).build_edited(edit)
    }

    /// A product for `m` rows of inputs of which more can be said: types of x and y, epilogues, batches,
    /// slices.
    pub fn builder<'a>(gpu: &'a Gpu, weights: &'a Weights, m: usize) -> MatMulBuilder<'a> {
        MatMulBuilder::new(gpu, weights, m)
    }

    pub(crate) fn of(recorded: Recorded, m: usize, precision: Precision) -> MatMul {
        MatMul { recorded, m, precision }
    }

    /// The name of the kernel that was chosen.
    pub fn kernel(&self) -> &str {
        self.recorded.prepared.kernel().name
    }

    /// Rows of x and y; of a batch, of each pair.
    pub fn m(&self) -> usize {
        self.m
    }

    /// Slices of k that are added up apart; 1 unless the product is of few tiles.
    pub fn slices(&self) -> usize {
        self.recorded.slices()
    }

    /// What was allowed when it was made.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Dispatches that one recording makes: more than one where limits, or the time that a single one may
    /// take, ask for it.
    pub fn dispatches(&self) -> usize {
        self.recorded.prepared.dispatches()
    }

    /// The matrix that it multiplies by.
    pub fn weights(&self) -> &Weights {
        self.recorded.prepared.weights()
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

    /// Checks and binds x and y.
    pub(crate) fn bind(&self, x: BufferSlice, y: BufferSlice) -> Result<ReadyProduct<'_>> {
        self.recorded.bind(x, y, None, &[])
    }

    /// x as a product of integers has it once it has run: 12 words for each part of a row.
    #[doc(hidden)]
    pub fn rounded(&self) -> Option<&wgpu::Buffer> {
        self.recorded.rounding.as_ref().map(|r| r.rounded())
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
        self.recorded.encode(pass, x, y, None, operands)
    }
}

impl std::fmt::Debug for MatMul {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kernel, m, w) = (self.kernel(), self.m, self.weights());
        let (format, n, k) = (w.format(), w.n(), w.k());
        write!(f, "MatMul({kernel}, {format} [{n}, {k}], m = {m})")
    }
}

impl Gpu {
    /// The product of `x`, m rows of k floats, with a packed matrix: m rows of n floats.
    ///
    /// # Errors
    /// [`Error::Inputs`] where `x` is no whole number of rows, and those of [`MatMul::new`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn matmul(&self, x: &[f32], weights: &Weights) -> Result<Vec<f32>> {
        pollster::block_on(self.matmul_async(x, weights))
    }

    /// As `matmul`, rounding inputs as far as `precision` allows.
    ///
    /// # Errors
    /// Those of `matmul`.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn matmul_with(&self, x: &[f32], weights: &Weights, precision: Precision) -> Result<Vec<f32>> {
        pollster::block_on(self.matmul_with_async(x, weights, precision))
    }

    /// As `matmul`, for callers that must not block.
    pub async fn matmul_async(&self, x: &[f32], weights: &Weights) -> Result<Vec<f32>> {
        self.matmul_with_async(x, weights, Precision::F32).await
    }

    /// As `matmul_with`, for callers that must not block.
    pub async fn matmul_with_async(&self, x: &[f32], weights: &Weights, precision: Precision) -> Result<Vec<f32>> {
        let k = weights.k();
        if !x.len().is_multiple_of(k) {
            return Err(Error::Inputs { k, got: x.len() });
        }
        let m = x.len() / k;
        if m == 0 {
            return Ok(Vec::new());
        }
        let product = MatMul::prepare(self, weights, m, precision).await?;
        let bytes = 4 * m as u64 * weights.n() as u64;
        let x = ("x", bytemuck::cast_slice(x));
        self.run_recorded(Some(x), bytes, |pass, x, y| match x {
            Some(x) => product.encode(pass, x, y),
            None => Ok(()),
        })
        .await
    }
}

//! Products on the device.

use super::choose::choose;
use super::compose::{compose, unknown, Source};
use super::device::Gpu;
use super::encode::{run_length, Job, Prepared};
use super::kernels::{self, Kernel, Shape};
use super::weights::Weights;
use crate::{Error, Precision, Result};
use wgpu::{BufferSlice, ComputePass};

/// A product made ready: `y[m, n] = Σ_k x[m, k] · w[n, k]` for one matrix and one m, its kernel
/// chosen and compiled. Recording it submits nothing and allocates no GPU memory.
pub struct MatMul {
    prepared: Prepared,
    m: usize,
    precision: Precision,
}

impl MatMul {
    /// Chooses and compiles a kernel for `m` rows of inputs.
    ///
    /// # Errors
    /// [`Error::OtherDevice`] where `gpu` is not the one that holds the weights,
    /// [`Error::Length`] where `m` is 0, [`Error::TooLarge`] where 64 rows of x or y are larger
    /// than a binding may be, [`Error::Shader`] where the driver refuses the kernel.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(gpu: &Gpu, weights: &Weights, m: usize, precision: Precision) -> Result<MatMul> {
        pollster::block_on(MatMul::prepare(gpu, weights, m, precision))
    }

    /// As `new`, with the product kernel of this name ([`KERNELS`](crate::KERNELS)).
    ///
    /// # Errors
    /// [`Error::UnknownKernel`] where no product kernel has this name, [`Error::DeviceLimit`] and
    /// [`Error::Feature`] where this device cannot run it, [`Error::Precision`] where it rounds more
    /// than `precision` allows, [`Error::NoCodes`] where it cannot serve the format, and those of `new`.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn with_kernel(
        gpu: &Gpu,
        weights: &Weights,
        m: usize,
        precision: Precision,
        kernel: &str,
    ) -> Result<MatMul> {
        pollster::block_on(MatMul::prepare_kernel(gpu, weights, m, precision, kernel))
    }

    /// As `new`, for callers that must not block.
    pub async fn prepare(
        gpu: &Gpu,
        weights: &Weights,
        m: usize,
        precision: Precision,
    ) -> Result<MatMul> {
        let kernel = choose(gpu.traits(), weights.format(), m, precision);
        MatMul::build(gpu, weights, m, precision, kernel, |_| ()).await
    }

    /// As `with_kernel`, for callers that must not block.
    pub async fn prepare_kernel(
        gpu: &Gpu,
        weights: &Weights,
        m: usize,
        precision: Precision,
        kernel: &str,
    ) -> Result<MatMul> {
        MatMul::build(gpu, weights, m, precision, product(kernel)?, |_| ()).await
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
        edit: impl FnOnce(&str) -> String,
    ) -> Result<MatMul> {
        let edit = |source: &mut Source| {
            source.text = edit(&source.text);
            // Pipelines are cached by name.
            source.name = format!("edited {}: {}", source.name, source.text);
        };
        let kernel = product(kernel)?;
        let precision = kernel.needs.precision;
        pollster::block_on(MatMul::build(gpu, weights, m, precision, kernel, edit))
    }

    async fn build(
        gpu: &Gpu,
        weights: &Weights,
        m: usize,
        precision: Precision,
        kernel: &'static Kernel,
        edit: impl FnOnce(&mut Source),
    ) -> Result<MatMul> {
        if !gpu.is(weights.gpu()) {
            return Err(Error::OtherDevice);
        }
        if m == 0 || m > u32::MAX as usize / 2 {
            return Err(Error::Length {
                what: "m",
                shape: format!("[m, {}]", weights.k()),
                unit: "row of x at least",
                expected: 1,
                got: m,
            });
        }
        kernel.check(gpu.traits(), weights.format(), precision)?;
        let tuning = (kernel.tuning)(gpu.traits(), m);
        let (x_row, y_row) = (4 * weights.k() as u64, 4 * weights.n() as u64);
        let limit = gpu.max_binding();
        let run = run_length("64 rows of x", m, x_row, limit)?;
        let run = run_length("64 rows of y", run, y_row, limit)?;
        let mut jobs = Vec::new();
        for first in (0..m).step_by(run) {
            let count = run.min(m - first);
            let rows = |bytes: u64| first as u64 * bytes..(first + count) as u64 * bytes;
            for (slab, s) in weights.slabs().iter().enumerate() {
                let row_tiles = s.rows.div_ceil(tuning.tile_rows as usize) as u64;
                let col_tiles = count.div_ceil(tuning.tile_cols as usize) as u64;
                jobs.push(Job {
                    slab,
                    m: count,
                    from_row: 0,
                    input: rows(x_row),
                    output: rows(y_row),
                    workgroups: row_tiles * col_tiles,
                });
            }
        }
        let mut source = compose(weights.format(), kernel, &tuning, weights.k());
        edit(&mut source);
        Ok(MatMul {
            prepared: Prepared::new(weights, kernel, &tuning, source, jobs).await?,
            m,
            precision,
        })
    }

    /// The name of the kernel that was chosen.
    pub fn kernel(&self) -> &str {
        self.prepared.kernel().name
    }

    /// Rows of x and y.
    pub fn m(&self) -> usize {
        self.m
    }

    /// What was allowed when it was made.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The matrix that it multiplies by.
    pub fn weights(&self) -> &Weights {
        self.prepared.weights()
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
        self.prepared.encode(pass, Some(("x", x)), ("y", y))
    }
}

impl std::fmt::Debug for MatMul {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kernel, m, w) = (self.kernel(), self.m, self.weights());
        let (format, n, k) = (w.format(), w.n(), w.k());
        write!(f, "MatMul({kernel}, {format} [{n}, {k}], m = {m})")
    }
}

/// The product kernel of this name.
fn product(name: &str) -> Result<&'static Kernel> {
    kernels::by_name(name)
        .filter(|k| k.shape == Shape::Product)
        .ok_or_else(|| unknown(name))
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

    /// As `matmul`, for callers that must not block.
    pub async fn matmul_async(&self, x: &[f32], weights: &Weights) -> Result<Vec<f32>> {
        let k = weights.k();
        if !x.len().is_multiple_of(k) {
            return Err(Error::Inputs { k, got: x.len() });
        }
        let m = x.len() / k;
        if m == 0 {
            return Ok(Vec::new());
        }
        let product = MatMul::prepare(self, weights, m, Precision::F32).await?;
        let bytes = 4 * m as u64 * weights.n() as u64;
        let x = ("x", bytemuck::cast_slice(x));
        self.run(&product.prepared, Some(x), bytes).await
    }
}

//! A product by a `Linear`: what its layout adds before and after, as up to three small kernels.

#[cfg(doc)]
use crate::Linear;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::dispatch::dispatch::Dispatch;
use crate::gpu::dispatch::sequence::{Arg, Sequence, Steps};
use crate::gpu::dispatch::small::InAndOut;
use crate::gpu::product::linear_weights::{After, Back, Before, LinearWeights};
use crate::gpu::product::make::{X, Y};
use crate::gpu::product::matmul::MatMul;
use crate::linear::OutputScale;
use crate::reserve::within;
use crate::shader::small::{WIDE, linear_back, linear_inputs, linear_outputs};
use crate::{Error, Precision, Result};
use bytemuck::{Pod, Zeroable};
use wgpu::{BufferSlice, BufferUsages, ComputePass};

/// A product by a [`Linear`], made ready for one m: at most four dispatches, and scratch memory
/// for m rows of changed inputs where its layout changes them. Recording allocates nothing.
pub struct LinearMatMul {
    product: MatMul,
    sequence: Sequence,
    /// Small kernels before and after the product.
    before: usize,
    after: usize,
}

/// `Params` of `shaders/linear/inputs.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct BeforeParams {
    k: u32,
    rows: u32,
    eps: f32,
}

/// `Params` of `shaders/linear/outputs.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct AfterParams {
    n: u32,
    k: u32,
    rows: u32,
    outliers: u32,
    scale: f32,
}

/// `Params` of `shaders/linear/back.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct BackParams {
    n: u32,
    rows: u32,
}

impl LinearMatMul {
    /// Chooses and compiles kernels for `m` rows of inputs.
    ///
    /// # Errors
    /// Those of [`MatMul::new`]; [`Error::TooLarge`] where m rows of x or y exceed one binding and the
    /// layout changes them, [`Error::DeviceLimit`] where a rotated block exceeds workgroup memory.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(gpu: &Gpu, weights: &LinearWeights, m: usize, precision: Precision) -> Result<LinearMatMul> {
        pollster::block_on(LinearMatMul::new_async(gpu, weights, m, precision))
    }

    /// The async form of [`new`](Self::new).
    ///
    /// # Errors
    /// Those of `new`.
    pub async fn new_async(gpu: &Gpu, weights: &LinearWeights, m: usize, precision: Precision) -> Result<LinearMatMul> {
        let product = MatMul::new_async(gpu, &weights.weights, m, precision).await?;
        let (n, k) = (weights.n(), weights.k());
        let changes = weights.before.is_some() || weights.after.is_some() || weights.back.is_some();
        if changes {
            let bytes = 4 * m as u64 * n.max(k) as u64;
            within(
                "m rows of a Linear's inputs or outputs in bytes",
                bytes,
                gpu.max_binding(),
            )?;
        }
        let mut steps = Steps::default();
        let mut x = X;
        if let Some(before) = &weights.before {
            let changed = gpu.buffer("inputs", 4 * (m * k) as u64, BufferUsages::STORAGE).await?;
            x = steps.scratch(&changed);
            steps.push(before.dispatch(gpu, k, m).await?, vec![X, x]);
        }
        steps.extend(&product.product().sequence, &[x, Y]);
        if let Some(after) = &weights.after {
            steps.push(after.dispatch(gpu, n, k, m).await?, vec![X, Y]);
        }
        if let Some(back) = &weights.back {
            steps.push(back.dispatch(gpu, n, m).await?, vec![X, Y]);
        }
        Ok(LinearMatMul {
            product,
            sequence: Sequence::new(gpu, &[Arg::read("x"), Arg::written("y")], steps),
            before: weights.before.iter().count(),
            after: weights.after.iter().count() + weights.back.iter().count(),
        })
    }

    /// The product by the packed matrix alone.
    pub fn product(&self) -> &MatMul {
        &self.product
    }

    /// Records all of it into a pass of the caller's: `x` holds m rows of k f32, `y` takes m rows
    /// of n. As for [`MatMul::encode`].
    ///
    /// # Errors
    /// Those of [`MatMul::encode`].
    pub fn encode(&self, pass: &mut ComputePass, x: BufferSlice, y: BufferSlice) -> Result<()> {
        self.sequence.encode(pass, &[x, y])
    }
}

impl Before {
    async fn dispatch(&self, gpu: &Gpu, k: usize, m: usize) -> Result<Dispatch> {
        let block = match self.block {
            0 => WIDE,
            block => block as u32,
        };
        let rows = |width: usize| 4 * m as u64 * width as u64;
        let params = BeforeParams {
            k: k as u32,
            rows: m as u32,
            eps: self.eps.unwrap_or(0.0),
        };
        let small = InAndOut {
            shader: linear_inputs((self.block > 0).then_some(block), self.eps.is_some()),
            workgroups: m as u64 * k.div_ceil(block as usize) as u64,
            params,
            own: &[(0, &self.inputs)],
            bytes: [k, k].map(rows),
        };
        small.dispatch(gpu).await
    }
}

impl After {
    async fn dispatch(&self, gpu: &Gpu, n: usize, k: usize, m: usize) -> Result<Dispatch> {
        let (divides, scale) = match self.scale {
            None => (false, 1.0),
            Some(OutputScale::Multiply(s)) => (false, s),
            Some(OutputScale::Divide(s)) => (true, s),
        };
        let rows = |width: usize| 4 * m as u64 * width as u64;
        let params = AfterParams {
            n: n as u32,
            k: k as u32,
            rows: m as u32,
            outliers: self.outlier_count as u32,
            scale,
        };
        let small = InAndOut {
            shader: linear_outputs(divides),
            workgroups: (m as u64 * n as u64).div_ceil(WIDE as u64),
            params,
            own: &[(0, &self.outliers), (4, &self.outputs)],
            bytes: [k, n].map(rows),
        };
        small.dispatch(gpu).await
    }
}

impl Back {
    async fn dispatch(&self, gpu: &Gpu, n: usize, m: usize) -> Result<Dispatch> {
        let rows = |width: usize| 4 * m as u64 * width as u64;
        let params = BackParams {
            n: n as u32,
            rows: m as u32,
        };
        let small = InAndOut {
            shader: linear_back(self.block as u32),
            workgroups: m as u64 * (n / self.block) as u64,
            params,
            own: &[(0, &self.outputs)],
            bytes: [0, n].map(rows),
        };
        small.dispatch(gpu).await
    }
}

impl Gpu {
    /// What the layer makes of `x`, m rows of k floats: m rows of n floats.
    ///
    /// # Errors
    /// [`Error::Inputs`] where `x` is no whole number of rows, and those of [`LinearMatMul::new`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn linear(&self, x: &[f32], weights: &LinearWeights) -> Result<Vec<f32>> {
        pollster::block_on(self.linear_async(x, weights))
    }

    /// Like [`linear`](Self::linear), rounding inputs as far as `precision` allows.
    ///
    /// # Errors
    /// Those of `linear`.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn linear_with(&self, x: &[f32], weights: &LinearWeights, precision: Precision) -> Result<Vec<f32>> {
        pollster::block_on(self.linear_with_async(x, weights, precision))
    }

    /// The async form of [`linear`](Self::linear).
    ///
    /// # Errors
    /// Those of `linear`.
    pub async fn linear_async(&self, x: &[f32], weights: &LinearWeights) -> Result<Vec<f32>> {
        self.linear_with_async(x, weights, Precision::F32).await
    }

    /// The async form of [`linear_with`](Self::linear_with).
    ///
    /// # Errors
    /// Those of `linear`.
    pub async fn linear_with_async(
        &self,
        x: &[f32],
        weights: &LinearWeights,
        precision: Precision,
    ) -> Result<Vec<f32>> {
        let (n, k) = (weights.n(), weights.k());
        if !x.len().is_multiple_of(k) {
            return Err(Error::Inputs { k, got: x.len() });
        }
        // As many rows at a time as fit a binding.
        let rows = (self.max_binding() / (4 * n.max(k) as u64)).max(1) as usize;
        let mut out = Vec::with_capacity(x.len() / k * n);
        for x in x.chunks(rows * k) {
            let m = x.len() / k;
            let product = LinearMatMul::new_async(self, weights, m, precision).await?;
            let bytes = 4 * m as u64 * n as u64;
            let x = ("x", bytemuck::cast_slice(x));
            let y = self.run_on(x, bytes, |pass, x, y| product.encode(pass, x, y));
            out.extend_from_slice(&y.await?);
        }
        Ok(out)
    }
}

impl std::fmt::Debug for LinearMatMul {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let LinearMatMul {
            product, before, after, ..
        } = self;
        write!(
            f,
            "LinearMatMul({product:?}, {before} kernels before it and {after} after it)"
        )
    }
}

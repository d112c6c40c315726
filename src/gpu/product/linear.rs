//! A `Linear` on the device: what its layout adds before and after the product, as up to three small kernels.

use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::weights::Weights;
use crate::gpu::dispatch::prepared::check_binding;
use crate::gpu::dispatch::step::{Recipe, Step};
use crate::gpu::product::matmul::MatMul;
use crate::linear::{Linear, OutputScale};
use crate::shader::kernels::{File, text};
use crate::{Error, Precision, Result};
use bytemuck::{Pod, Zeroable};
use std::sync::Arc;
use wgpu::{Buffer, BufferSlice, BufferUsages, ComputePass};

/// A [`Linear`] in GPU memory: its packed matrix, and what its layout adds. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LinearWeights {
    weights: Weights,
    before: Option<Arc<Before>>,
    after: Option<Arc<After>>,
    back: Option<Arc<Back>>,
}

/// What is done to the inputs.
#[derive(Debug)]
struct Before {
    /// A factor and a destination for each input.
    inputs: Buffer,
    /// Inputs rotated together; 0 where none are.
    block: usize,
    /// The number added to the mean of the squares, where there is a norm.
    eps: Option<f32>,
}

/// What is done to the outputs.
#[derive(Debug)]
struct After {
    scale: Option<OutputScale>,
    outliers: Buffer,
    outlier_count: usize,
    /// A factor and a bias for each output.
    outputs: Buffer,
}

/// How the outputs are rotated back at last.
#[derive(Debug)]
struct Back {
    /// A sign and a bias for each output.
    outputs: Buffer,
    /// Outputs rotated together.
    block: usize,
}

impl LinearWeights {
    /// The packed matrix.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Outputs.
    pub fn n(&self) -> usize {
        self.weights.n()
    }

    /// Inputs.
    pub fn k(&self) -> usize {
        self.weights.k()
    }
}

/// A product by a [`Linear`], made ready for one m: at most four dispatches, and scratch memory
/// for m rows of changed inputs where its layout changes them. Recording allocates nothing.
pub struct LinearMatMul {
    product: MatMul,
    before: Option<(Step, Buffer)>,
    after: Option<Step>,
    back: Option<Step>,
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

const WORKGROUP: u32 = 256;

const BUTTERFLIES: File = text!("linear/butterflies.wgsl");

impl LinearMatMul {
    /// Chooses and compiles kernels for `m` rows of inputs.
    ///
    /// # Errors
    /// Those of [`MatMul::new`]; [`Error::TooLarge`] where m rows of x or y exceed one binding and the
    /// layout changes them, [`Error::DeviceLimit`] where a rotated block exceeds workgroup memory.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(gpu: &Gpu, weights: &LinearWeights, m: usize, precision: Precision) -> Result<LinearMatMul> {
        pollster::block_on(LinearMatMul::prepare(gpu, weights, m, precision))
    }

    /// As `new`, for callers that must not block.
    pub async fn prepare(gpu: &Gpu, weights: &LinearWeights, m: usize, precision: Precision) -> Result<LinearMatMul> {
        let product = MatMul::prepare(gpu, &weights.weights, m, precision).await?;
        let (n, k) = (weights.n(), weights.k());
        let bytes = 4 * m as u64 * n.max(k) as u64;
        let changes = weights.before.is_some() || weights.after.is_some() || weights.back.is_some();
        if changes && bytes > gpu.max_binding() {
            return Err(Error::TooLarge {
                what: "m rows of a Linear's inputs or outputs in bytes",
                needed: bytes,
                limit: gpu.max_binding(),
            });
        }
        let before = match &weights.before {
            None => None,
            Some(before) => {
                let scratch = gpu.buffer("inputs", 4 * (m * k) as u64, BufferUsages::STORAGE);
                Some((before.step(gpu, k, m).await?, scratch.await?))
            }
        };
        let after = match &weights.after {
            None => None,
            Some(after) => Some(after.step(gpu, n, k, m).await?),
        };
        let back = match &weights.back {
            None => None,
            Some(back) => Some(back.step(gpu, n, m).await?),
        };
        Ok(LinearMatMul {
            product,
            before,
            after,
            back,
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
        let weights = self.product.weights();
        let m = self.product.m() as u64;
        let (x_bytes, y_bytes) = (4 * m * weights.k() as u64, 4 * m * weights.n() as u64);
        if x.buffer() == y.buffer() {
            return Err(Error::Aliased("x", "y"));
        }
        check_binding(weights.gpu(), "x", x, x_bytes)?;
        check_binding(weights.gpu(), "y", y, y_bytes)?;
        let input = || (x.buffer().clone(), x.offset(), x_bytes);
        // All is bound before the first dispatch is recorded.
        let before = match &self.before {
            None => None,
            Some((step, changed)) => {
                let changes = step.bind(input(), (changed.clone(), 0, x_bytes))?;
                Some((changes, changed.slice(..)))
            }
        };
        let product_x = before.as_ref().map_or(x, |(_, changed)| *changed);
        let product = self.product.bind(product_x, y)?;
        let output = || (y.buffer().clone(), y.offset(), y_bytes);
        let changed = [&self.after, &self.back].into_iter().flatten();
        let changed = changed.map(|step| step.bind(input(), output()));
        let changed = changed.collect::<Result<Vec<_>>>()?;
        if let Some((step, _)) = &before {
            step.record(pass);
        }
        product.record(pass);
        for step in &changed {
            step.record(pass);
        }
        Ok(())
    }
}

impl Before {
    async fn step(&self, gpu: &Gpu, k: usize, m: usize) -> Result<Step> {
        let block = match self.block {
            0 => WORKGROUP,
            block => block as u32,
        };
        let params = BeforeParams {
            k: k as u32,
            rows: m as u32,
            eps: self.eps.unwrap_or(0.0),
        };
        let squares = if self.eps.is_some() { WORKGROUP } else { 1 };
        let recipe = Recipe {
            files: &[BUTTERFLIES, text!("linear/inputs.wgsl")],
            consts: vec![
                ("BLOCK", block),
                ("ROTATES", (self.block > 0) as u32),
                ("ROOT", root(block)),
                ("NORMS", self.eps.is_some() as u32),
                ("SQUARES", squares),
            ],
            workgroup: WORKGROUP,
            memory: 4 * (block + squares),
            workgroups: m as u64 * k.div_ceil(block as usize) as u64,
            params: bytemuck::bytes_of(&params),
            own: vec![(0, self.inputs.clone())],
        };
        Step::new(gpu, recipe).await
    }
}

impl After {
    async fn step(&self, gpu: &Gpu, n: usize, k: usize, m: usize) -> Result<Step> {
        let (divides, scale) = match self.scale {
            None => (false, 1.0),
            Some(OutputScale::Multiply(s)) => (false, s),
            Some(OutputScale::Divide(s)) => (true, s),
        };
        let params = AfterParams {
            n: n as u32,
            k: k as u32,
            rows: m as u32,
            outliers: self.outlier_count as u32,
            scale,
        };
        let recipe = Recipe {
            files: &[text!("linear/outputs.wgsl")],
            consts: vec![("DIVIDES", divides as u32)],
            workgroup: WORKGROUP,
            memory: 0,
            workgroups: (m as u64 * n as u64).div_ceil(WORKGROUP as u64),
            params: bytemuck::bytes_of(&params),
            own: vec![(0, self.outliers.clone()), (4, self.outputs.clone())],
        };
        Step::new(gpu, recipe).await
    }
}

impl Back {
    async fn step(&self, gpu: &Gpu, n: usize, m: usize) -> Result<Step> {
        let params = BackParams {
            n: n as u32,
            rows: m as u32,
        };
        let recipe = Recipe {
            files: &[BUTTERFLIES, text!("linear/back.wgsl")],
            consts: vec![("BLOCK", self.block as u32), ("ROOT", root(self.block as u32))],
            workgroup: WORKGROUP,
            memory: 4 * self.block as u32,
            workgroups: m as u64 * (n / self.block) as u64,
            params: bytemuck::bytes_of(&params),
            own: vec![(0, self.outputs.clone())],
        };
        Step::new(gpu, recipe).await
    }
}

impl Gpu {
    /// Packs a layer into GPU memory.
    ///
    /// # Errors
    /// Those of [`upload`](Gpu::upload).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn upload_linear(&self, linear: &Linear) -> Result<LinearWeights> {
        pollster::block_on(self.upload_linear_async(linear))
    }

    /// As `upload_linear`, for callers that must not block.
    pub async fn upload_linear_async(&self, linear: &Linear) -> Result<LinearWeights> {
        let usage = BufferUsages::STORAGE;
        let before = match linear.changes_inputs() {
            false => None,
            true => {
                let inputs = inputs(linear);
                let bytes = bytemuck::cast_slice(&inputs);
                Some(Arc::new(Before {
                    inputs: self.buffer_of("changed inputs", bytes, usage).await?,
                    block: linear.rotation().map_or(0, |r| r.block),
                    eps: linear.norm().map(|norm| norm.eps),
                }))
            }
        };
        let (columns, weights) = linear.outliers().unwrap_or_default();
        let scaled = linear.scale().is_some() || linear.output_scales().is_some();
        // Where outputs are rotated, the bias is added after it.
        let adds = linear.bias().is_some() && linear.output_rotation().is_none();
        let plain = !scaled && !adds && columns.is_empty();
        let after = match plain {
            true => None,
            false => {
                let mut words = columns.to_vec();
                let bits = |w: Option<&half::f16>| w.map_or(0, |w| w.to_bits() as u32);
                let halves = weights.chunks(2);
                words.extend(halves.map(|p| bits(p.first()) | bits(p.get(1)) << 16));
                let outliers = bytemuck::cast_slice(&words);
                let scales = linear.output_scales().unwrap_or_default();
                let outputs = pairs(linear, scales, linear.bias().filter(|_| adds));
                let outputs = bytemuck::cast_slice(&outputs);
                Some(Arc::new(After {
                    scale: linear.scale(),
                    outliers: self.buffer_of("outliers", outliers, usage).await?,
                    outlier_count: columns.len(),
                    outputs: self.buffer_of("changed outputs", outputs, usage).await?,
                }))
            }
        };
        let back = match linear.output_rotation() {
            None => None,
            Some(rotation) => {
                let outputs = pairs(linear, &rotation.signs, linear.bias());
                let bytes = bytemuck::cast_slice(&outputs);
                Some(Arc::new(Back {
                    outputs: self.buffer_of("rotated outputs", bytes, usage).await?,
                    block: rotation.block,
                }))
            }
        };
        Ok(LinearWeights {
            weights: self.upload_async(linear.matrix()).await?,
            before,
            after,
            back,
        })
    }

    /// What the layer makes of `x`, m rows of k floats: m rows of n floats.
    ///
    /// # Errors
    /// [`Error::Inputs`] where `x` is no whole number of rows, and those of [`LinearMatMul::new`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn linear(&self, x: &[f32], weights: &LinearWeights) -> Result<Vec<f32>> {
        pollster::block_on(self.linear_async(x, weights))
    }

    /// As `linear`, for callers that must not block.
    pub async fn linear_async(&self, x: &[f32], weights: &LinearWeights) -> Result<Vec<f32>> {
        let (n, k) = (weights.n(), weights.k());
        if !x.len().is_multiple_of(k) {
            return Err(Error::Inputs { k, got: x.len() });
        }
        // As many rows at a time as fit a binding.
        let rows = (self.max_binding() / (4 * n.max(k) as u64)).max(1) as usize;
        let mut out = Vec::with_capacity(x.len() / k * n);
        for x in x.chunks(rows * k) {
            let m = x.len() / k;
            let product = LinearMatMul::prepare(self, weights, m, Precision::F32).await?;
            let bytes = 4 * m as u64 * n as u64;
            let x = ("x", bytemuck::cast_slice(x));
            let y = self.run_recorded(Some(x), bytes, |pass, x, y| match x {
                Some(x) => product.encode(pass, x, y),
                None => Ok(()),
            });
            out.extend_from_slice(&y.await?);
        }
        Ok(out)
    }
}

/// The bits of 1 / √block, rounded as the processor does it.
fn root(block: u32) -> u32 {
    (1.0 / (block as f32).sqrt()).to_bits()
}

/// A factor and a destination for each input.
fn inputs(linear: &Linear) -> Vec<[u32; 2]> {
    let k = linear.k();
    let mut factors = match linear.input_scales() {
        Some(scales) => scales.to_vec(),
        None => vec![1.0; k],
    };
    if let Some(norm) = linear.norm() {
        for (f, weight) in factors.iter_mut().zip(&norm.weight) {
            *f *= weight;
        }
    }
    if let Some(rotation) = linear.rotation() {
        for (f, sign) in factors.iter_mut().zip(&rotation.signs) {
            *f *= sign;
        }
    }
    for &column in linear.outliers().unwrap_or_default().0 {
        factors[column as usize] = 0.0;
    }
    let mut inputs: Vec<[u32; 2]> = (0..k as u32).map(|i| [factors[i as usize].to_bits(), i]).collect();
    for (column, &input) in linear.permutation().unwrap_or_default().iter().enumerate() {
        inputs[input as usize][1] = column as u32;
    }
    inputs
}

/// A factor and a bias for each output, 1 and 0 where there are none.
fn pairs(linear: &Linear, factors: &[f32], bias: Option<&[f32]>) -> Vec<[f32; 2]> {
    let at = |numbers: &[f32], i: usize| numbers.get(i).copied();
    let bias = bias.unwrap_or_default();
    (0..linear.n())
        .map(|i| [at(factors, i).unwrap_or(1.0), at(bias, i).unwrap_or(0.0)])
        .collect()
}

impl std::fmt::Debug for LinearMatMul {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (before, after) = (self.before.is_some(), self.after.is_some());
        let back = self.back.is_some();
        let product = &self.product;
        write!(
            f,
            "LinearMatMul({product:?}, before: {before}, after: {after}, back: {back})"
        )
    }
}

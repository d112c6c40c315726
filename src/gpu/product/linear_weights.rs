//! A `Linear` in GPU memory: its packed matrix, and what its layout adds.

use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::weights::Weights;
use crate::linear::{Linear, OutputScale};
use std::sync::Arc;
use wgpu::{Buffer, BufferUsages};

/// A [`Linear`] in GPU memory: its packed matrix, and what its layout adds. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LinearWeights {
    pub(crate) weights: Weights,
    pub(crate) before: Option<Arc<Before>>,
    pub(crate) after: Option<Arc<After>>,
    pub(crate) back: Option<Arc<Back>>,
}

/// What is done to the inputs.
#[derive(Debug)]
pub(crate) struct Before {
    /// A factor and a destination for each input.
    pub(crate) inputs: Buffer,
    /// Inputs rotated together; 0 where none are.
    pub(crate) block: usize,
    /// The number added to the mean of the squares, where there is a norm.
    pub(crate) eps: Option<f32>,
}

/// What is done to the outputs.
#[derive(Debug)]
pub(crate) struct After {
    pub(crate) scale: Option<OutputScale>,
    pub(crate) outliers: Buffer,
    pub(crate) outlier_count: usize,
    /// A factor and a bias for each output.
    pub(crate) outputs: Buffer,
}

/// How the outputs are rotated back at last.
#[derive(Debug)]
pub(crate) struct Back {
    /// A sign and a bias for each output.
    pub(crate) outputs: Buffer,
    /// Outputs rotated together.
    pub(crate) block: usize,
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

impl Gpu {
    /// Packs a layer into GPU memory.
    ///
    /// # Errors
    /// Those of [`upload`](Gpu::upload).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn upload_linear(&self, linear: &Linear) -> Result<LinearWeights> {
        pollster::block_on(self.upload_linear_async(linear))
    }

    /// The async form of [`upload_linear`](Self::upload_linear).
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

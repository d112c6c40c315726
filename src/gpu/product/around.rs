//! What stands around kernels that take bytes.

use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::weights::Weights;
use crate::gpu::product::builder::MatMulBuilder;
use crate::gpu::product::rounding::Rounding;
use wgpu::{Buffer, BufferUsages};

/// Nothing of it where a kernel takes floats.
#[derive(Clone, Default)]
pub(crate) struct Around {
    /// What rounds x first.
    pub rounding: Option<Rounding>,
    /// What the zero point of x adds to each output.
    pub zero_point: Option<Buffer>,
}

impl MatMulBuilder<'_> {
    /// For kernels of which any `rounds` x, of so many rows or (`each_m`) up to so many.
    pub(crate) async fn around(&self, rounds: bool, x_rows: usize, each_m: bool) -> Result<Around> {
        if !rounds {
            return Ok(Around::default());
        }
        let (gpu, weights) = (self.gpu, self.weights);
        let rounding = Rounding::new(gpu, x_rows, weights.k(), self.input_scale, each_m).await?;
        Ok(Around {
            rounding: Some(rounding),
            zero_point: match self.input_scale.offset() {
                Some(factor) => Some(zero_point_sums(gpu, weights, factor).await?),
                None => None,
            },
        })
    }
}

/// `factor · Σ_k w` of each row of weights: a product that runs once, now.
async fn zero_point_sums(gpu: &Gpu, weights: &Weights, factor: f32) -> Result<Buffer> {
    // Boxed, since a product is made inside the making of a product.
    let product = Box::pin(MatMulBuilder::new(gpu, weights, 1).build_async()).await?;
    let x = vec![factor; weights.k()];
    let (x, y) = (bytemuck::cast_slice(&x), 4 * weights.n() as u64);
    let x = gpu.buffer_of("zero point", x, BufferUsages::STORAGE).await?;
    let y = gpu.buffer("zero point", y, BufferUsages::STORAGE).await?;
    let encoder = gpu.recorded(|pass| product.encode(pass, x.slice(..), y.slice(..)));
    let encoder = encoder.await?;
    let summed = gpu.scoped("summing weights", || gpu.queue().submit([encoder.finish()]));
    summed.await?;
    Ok(y)
}

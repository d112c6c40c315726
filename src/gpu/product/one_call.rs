//! Products of one call: inputs to the device, a product, and outputs back.

use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::weights::Weights;
use crate::gpu::product::matmul::MatMul;
use crate::{Error, Precision, Result};

impl Gpu {
    /// The product of `x`, m rows of k floats, with a packed matrix: m rows of n floats.
    ///
    /// # Errors
    /// [`Error::Inputs`] where `x` is no whole number of rows, and those of [`MatMul::new`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn matmul(&self, x: &[f32], weights: &Weights) -> Result<Vec<f32>> {
        pollster::block_on(self.matmul_async(x, weights))
    }

    /// Like [`matmul`](Self::matmul), rounding inputs as far as `precision` allows.
    ///
    /// # Errors
    /// Those of `matmul`.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn matmul_with(&self, x: &[f32], weights: &Weights, precision: Precision) -> Result<Vec<f32>> {
        pollster::block_on(self.matmul_with_async(x, weights, precision))
    }

    /// The async form of [`matmul`](Self::matmul).
    pub async fn matmul_async(&self, x: &[f32], weights: &Weights) -> Result<Vec<f32>> {
        self.matmul_with_async(x, weights, Precision::F32).await
    }

    /// The async form of [`matmul_with`](Self::matmul_with).
    pub async fn matmul_with_async(&self, x: &[f32], weights: &Weights, precision: Precision) -> Result<Vec<f32>> {
        let k = weights.k();
        if !x.len().is_multiple_of(k) {
            return Err(Error::Inputs { k, got: x.len() });
        }
        let m = x.len() / k;
        if m == 0 {
            return Ok(Vec::new());
        }
        let product = MatMul::new_async(self, weights, m, precision).await?;
        let bytes = 4 * m as u64 * weights.n() as u64;
        let x = ("x", bytemuck::cast_slice(x));
        self.run_on(x, bytes, |pass, x, y| product.encode(pass, x, y)).await
    }
}

//! Experts chosen on the device.

use super::{Given, apart, workgroup};
use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::Access::{Reads, Writes};
use crate::gpu::dispatch::small_kernel::SmallKernel;
use crate::layer::{Router, router_shader};
use wgpu::{BufferSlice, BufferUsages, ComputePass};

/// A [`Router`] on the device: from logits to the ids that [`ExpertMatMul`](crate::ExpertMatMul) takes and the weights
/// that [`Epilogue::RowScale`](crate::Epilogue::RowScale) takes.
pub struct GpuRouter {
    gpu: Gpu,
    experts: usize,
    per_token: usize,
    kernel: SmallKernel,
}

impl Gpu {
    /// Compiles a router.
    ///
    /// # Errors
    /// Those of [`Router::route`] but for its logits; [`Error::Shader`](crate::Error::Shader),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn upload_router(&self, router: &Router) -> Result<GpuRouter> {
        pollster::block_on(self.upload_router_async(router))
    }

    /// The async form of [`upload_router`](Self::upload_router).
    ///
    /// # Errors
    /// Those of `upload_router`.
    pub async fn upload_router_async(&self, router: &Router) -> Result<GpuRouter> {
        router.check()?;
        let bias = match router.bias.is_empty() {
            true => None,
            false => {
                let bytes = bytemuck::cast_slice(&router.bias);
                Some(
                    self.buffer_of("biases of experts", bytes, BufferUsages::STORAGE)
                        .await?,
                )
            }
        };
        let shader = router_shader(router, workgroup(self));
        let own = bias.iter().map(|bias| (5, Reads, bias)).collect();
        let given = [(2, Reads), (3, Writes), (4, Writes)];
        Ok(GpuRouter {
            kernel: SmallKernel::new(self, &shader, own, &given).await?,
            gpu: self.clone(),
            experts: router.experts,
            per_token: router.per_token,
        })
    }
}

impl GpuRouter {
    /// Records the choice for the first `rows` rows of logits, \[rows, experts\] f32: `ids` takes \[rows, per_token\] u32,
    /// `weights` \[rows, per_token\] f32.
    ///
    /// # Errors
    /// Those of [`MatMul::encode`](crate::MatMul::encode); nothing is recorded then.
    pub fn encode(
        &self,
        pass: &mut ComputePass,
        logits: BufferSlice,
        ids: BufferSlice,
        weights: BufferSlice,
        rows: usize,
    ) -> Result<()> {
        let given = Given::new(&self.gpu, rows)?;
        apart(&[("logits", logits), ("ids", ids), ("weights", weights)])?;
        let logits = given.range("logits", logits, 4 * self.experts)?;
        let ids = given.range("ids", ids, 4 * self.per_token)?;
        let weights = given.range("weights", weights, 4 * self.per_token)?;
        if rows > 0 {
            self.kernel
                .bind([&logits, &ids, &weights], [rows as u32, 1])?
                .record(pass);
        }
        Ok(())
    }
}

impl std::fmt::Debug for GpuRouter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GpuRouter({} of {} experts)", self.per_token, self.experts)
    }
}

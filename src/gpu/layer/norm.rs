//! Norms on the device.

use super::{Given, apart, workgroup};
use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::Access::{Reads, Writes};
use crate::gpu::dispatch::small_kernel::SmallKernel;
use crate::layer::{Norm, norm_shader};
use crate::reserve::within;
use wgpu::{BufferSlice, BufferUsages, ComputePass};

/// A [`Norm`] on the device: one dispatch for any number of rows.
pub struct GpuNorm {
    gpu: Gpu,
    size: usize,
    plain: SmallKernel,
    adding: SmallKernel,
}

impl Gpu {
    /// Copies the weights of a norm to the device and compiles its kernels.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge) for rows of 2^31 numbers and more,
    /// [`Error::Shader`](crate::Error::Shader), [`Error::OutOfMemory`](crate::Error::OutOfMemory),
    /// [`Error::DeviceLost`](crate::Error::DeviceLost).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn upload_norm(&self, norm: &Norm) -> Result<GpuNorm> {
        pollster::block_on(self.upload_norm_async(norm))
    }

    /// The async form of [`upload_norm`](Self::upload_norm).
    ///
    /// # Errors
    /// Those of `upload_norm`.
    pub async fn upload_norm_async(&self, norm: &Norm) -> Result<GpuNorm> {
        let size = norm.size();
        within("numbers of a normalized row", size as u64, u32::MAX as u64 / 2)?;
        let pairs = norm.pairs();
        let factors = bytemuck::cast_slice(&pairs);
        let factors = self
            .buffer_of("factors of a norm", factors, BufferUsages::STORAGE)
            .await?;
        let shader = |adds| norm_shader(size, norm.is_centred(), norm.eps(), adds, workgroup(self));
        let own = || vec![(4, Reads, &factors)];
        let adding = [(2, Writes), (3, Writes), (5, Reads)];
        Ok(GpuNorm {
            plain: SmallKernel::new(self, &shader(false), own(), &[(2, Reads), (3, Writes)]).await?,
            adding: SmallKernel::new(self, &shader(true), own(), &adding).await?,
            gpu: self.clone(),
            size,
        })
    }
}

impl GpuNorm {
    /// Numbers of a row.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Records y = norm(x) of the first `rows` rows, f32 each. x and y are different buffers.
    ///
    /// # Errors
    /// Those of [`MatMul::encode`](crate::MatMul::encode); [`Error::TooLarge`](crate::Error::TooLarge) for more rows
    /// than a grid is wide. Nothing is recorded then.
    pub fn encode(&self, pass: &mut ComputePass, x: BufferSlice, y: BufferSlice, rows: usize) -> Result<()> {
        let given = Given::new(&self.gpu, rows)?;
        apart(&[("x", x), ("y", y)])?;
        let x = given.range("x", x, 4 * self.size)?;
        let y = given.range("y", y, 4 * self.size)?;
        if rows > 0 {
            self.plain.bind([&x, &y], [rows as u32, 1])?.record(pass);
        }
        Ok(())
    }

    /// Records x += residual, in place, and y = norm(x).
    ///
    /// # Errors
    /// Those of `encode`.
    pub fn encode_adding(
        &self,
        pass: &mut ComputePass,
        x: BufferSlice,
        residual: BufferSlice,
        y: BufferSlice,
        rows: usize,
    ) -> Result<()> {
        let given = Given::new(&self.gpu, rows)?;
        apart(&[("x", x), ("y", y), ("residual", residual)])?;
        let x = given.range("x", x, 4 * self.size)?;
        let y = given.range("y", y, 4 * self.size)?;
        let residual = given.range("residual", residual, 4 * self.size)?;
        if rows > 0 {
            self.adding.bind([&x, &y, &residual], [rows as u32, 1])?.record(pass);
        }
        Ok(())
    }
}

impl std::fmt::Debug for GpuNorm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GpuNorm({})", self.size)
    }
}

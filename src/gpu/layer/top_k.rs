//! The largest logits, found on the device.

use super::{Given, apart, workgroup};
use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::Access::{Reads, Writes};
use crate::gpu::dispatch::small_kernel::SmallKernel;
use crate::layer::{check_top_k, top_k_shader};
use crate::reserve::within;
use wgpu::{BufferSlice, ComputePass};

/// The `k` largest of each row of `n` numbers: [`top_k`](crate::layer::top_k) as a kernel, so that a few numbers are read
/// back in place of all logits. It looks through a row k times.
pub struct GpuTopK {
    gpu: Gpu,
    n: usize,
    k: usize,
    kernel: SmallKernel,
}

impl GpuTopK {
    /// Compiles the kernel.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) where k is 0 or over n,
    /// [`Error::TooLarge`](crate::Error::TooLarge) for rows of 2^31 numbers and more,
    /// [`Error::Shader`](crate::Error::Shader).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(gpu: &Gpu, n: usize, k: usize) -> Result<GpuTopK> {
        pollster::block_on(GpuTopK::new_async(gpu, n, k))
    }

    /// The async form of [`new`](Self::new).
    ///
    /// # Errors
    /// Those of `new`.
    pub async fn new_async(gpu: &Gpu, n: usize, k: usize) -> Result<GpuTopK> {
        check_top_k(n, k)?;
        within("numbers of a row", n as u64, u32::MAX as u64 / 2)?;
        let shader = top_k_shader(n, k, workgroup(gpu));
        let given = [(2, Reads), (3, Writes), (4, Writes)];
        Ok(GpuTopK {
            kernel: SmallKernel::new(gpu, &shader, Vec::new(), &given).await?,
            gpu: gpu.clone(),
            n,
            k,
        })
    }

    /// Records the search through the first `rows` rows of `x`: `values` takes \[rows, k\] f32, `ids` \[rows, k\] u32.
    ///
    /// # Errors
    /// Those of [`MatMul::encode`](crate::MatMul::encode); nothing is recorded then.
    pub fn encode(
        &self,
        pass: &mut ComputePass,
        x: BufferSlice,
        values: BufferSlice,
        ids: BufferSlice,
        rows: usize,
    ) -> Result<()> {
        let given = Given::new(&self.gpu, rows)?;
        apart(&[("x", x), ("values", values), ("ids", ids)])?;
        let x = given.range("x", x, 4 * self.n)?;
        let values = given.range("values", values, 4 * self.k)?;
        let ids = given.range("ids", ids, 4 * self.k)?;
        if rows > 0 {
            self.kernel.bind([&x, &values, &ids], [rows as u32, 1])?.record(pass);
        }
        Ok(())
    }
}

impl std::fmt::Debug for GpuTopK {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GpuTopK({} of {})", self.k, self.n)
    }
}

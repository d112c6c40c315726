//! What stands between the products of a transformer layer: norms of hidden states, the choice of experts, the largest
//! logits. Small kernels over f32 buffers on the device, and the same on the processor. Attention is in
//! [`kv`](crate::kv).

mod norm;
mod router;
mod shaders;
mod top_k;

#[cfg(feature = "gpu")]
pub use crate::gpu::{GpuNorm, GpuRouter, GpuTopK};
pub use norm::Norm;
pub use router::{Router, Scoring};
pub(crate) use shaders::{norm_shader, router_shader, top_k_shader};
#[cfg(feature = "gpu")]
pub(crate) use top_k::check as check_top_k;
pub use top_k::top_k;

use crate::{Error, Result};

/// Rows of `size` floats.
fn rows<'a>(x: &'a [f32], size: usize) -> Result<std::slice::ChunksExact<'a, f32>> {
    match x.len().is_multiple_of(size) {
        true => Ok(x.chunks_exact(size)),
        false => Err(Error::Inputs { k: size, got: x.len() }),
    }
}

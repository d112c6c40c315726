//! Packed caches of keys and values: vectors of d numbers that are appended, multiplied by queries (scores) and summed
//! with weights (values) while they stay packed.
//!
//! Every type packs a vector into a whole number of 32-bit words, the same on the processor ([`Kv`]) and on the
//! device ([`GpuKv`]). A cache can be rotated ([`KvRotation`]): vectors are packed as Π x and queries become Π q, which
//! does not change ⟨q, x⟩; a sum is rotated back once, Πᵀ Σ p Π x.

mod attention;
mod bits;
mod blocks;
mod cache;
mod codec;
mod gaussian;
mod half_rows;
mod kivi;
mod options;
mod packing;
mod shaders;
mod turbo;

#[cfg(feature = "gpu")]
pub use crate::gpu::{GpuAttention, GpuAttentionBuilder, GpuKv, GpuRope};
pub(crate) use attention::{Attending, AttentionShaders, Placing, Taken};
pub use attention::{Attention, AttentionOptions, Rope, RopeScaling};
#[cfg(feature = "gpu")]
pub(crate) use attention::{VALUE_BINDINGS, check_sinks};
pub use cache::Kv;
pub use codec::KvCodec;
pub use options::{KvOptions, KvRotation, KvType, Side};
pub(crate) use shaders::Shaders;
#[cfg(feature = "gpu")]
pub(crate) use shaders::{AppendShaders, CHUNK, WORKGROUP};

//! Everything that needs a device. Only this folder names wgpu; nothing in it names a format.

mod device;
mod dispatch;
mod inspect;
mod kv;
mod layer;
mod product;
mod replace;
mod rows;
#[doc(hidden)]
pub mod testing;
mod tune;

pub use device::gpu::{Gpu, GpuOptions};
pub use device::weights::Weights;
pub use kv::GpuKv;
pub use kv::attention::{GpuAttention, GpuAttentionBuilder, GpuRope};
pub use layer::{GpuNorm, GpuRouter, GpuTopK};
pub use product::bound::Bound;
pub use product::builder::MatMulBuilder;
pub use product::experts::{ExpertMatMul, Experts};
pub use product::linear::LinearMatMul;
pub use product::linear_weights::LinearWeights;
pub use product::matmul::MatMul;
pub use product::of_one_x::OfOneX;
pub use rows::GetRows;
pub use tune::Tuned;

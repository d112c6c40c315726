//! Everything that names wgpu. Nothing here names a format.

mod adapter;
mod buffers;
mod choose;
mod compose;
mod device;
mod encode;
mod errors;
mod inspect;
mod kept;
mod kernels;
mod linear;
mod matmul;
mod readback;
mod rows;
mod step;
mod traits;
mod tuning;
mod weights;

pub use compose::wgsl;
pub use device::{Gpu, GpuOptions};
pub use kernels::KERNELS;
pub use linear::{LinearMatMul, LinearWeights};
pub use matmul::MatMul;
pub use rows::GetRows;
pub use traits::DeviceClass;
pub use weights::Weights;

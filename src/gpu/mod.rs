//! Everything that names wgpu. Nothing here names a format.

mod adapter;
mod buffers;
mod compose;
mod device;
mod encode;
mod errors;
mod inspect;
mod kernels;
mod matmul;
mod readback;
mod rows;
mod weights;

pub use compose::wgsl;
pub use device::Gpu;
pub use kernels::{DeviceClass, KERNELS};
pub use matmul::{MatMul, Precision};
pub use rows::GetRows;
pub use weights::Weights;

//! Everything that names wgpu. Nothing here names a format.

mod adapter;
mod axes;
mod buffers;
mod builder;
mod choose;
mod compose;
mod device;
mod encode;
mod epilogue;
mod errors;
mod experts;
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

pub use axes::FloatType;
pub use builder::MatMulBuilder;
pub use compose::wgsl;
pub use device::Gpu;
pub use epilogue::Epilogue;
pub use experts::{ExpertMatMul, Experts};
pub use kernels::KERNELS;
pub use linear::{LinearMatMul, LinearWeights};
pub use matmul::MatMul;
pub use rows::GetRows;
pub use traits::DeviceClass;
pub use weights::Weights;

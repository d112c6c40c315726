#![cfg_attr(feature = "gpu", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "gpu"),
    doc = "Packed weights without devices: the feature `gpu` is off."
)]
// Much of what formats say is for devices.
#![cfg_attr(not(feature = "gpu"), allow(dead_code))]
#![deny(missing_docs)]
#![deny(unsafe_code)]

pub mod calibrate;
mod cpu;
mod dense;
mod encode;
mod error;
mod family;
mod files;
mod format;
mod formats;
#[cfg(feature = "gpu")]
mod gpu;
mod group;
mod input_scale;
pub mod kv;
pub mod layer;
pub mod layouts;
mod linear;
mod matrix;
mod parallel;
mod precision;
pub mod quantize;
#[doc(hidden)]
pub mod random;
mod reserve;
pub mod rotate;
mod scale_type;

mod setters;
mod shader;
mod simd;
pub mod train;
mod validate;

#[doc(hidden)]
pub use cpu::CpuLevel;
#[doc(hidden)]
pub use cpu::activations::{Activations, quantize_activations};
pub use dense::Dense;
pub use error::{Error, IoError, Result};
pub use files::gguf;
#[cfg(feature = "safetensors")]
pub use files::safetensors;
pub use format::Format;
#[cfg(feature = "gpu")]
#[doc(hidden)]
pub use gpu::testing;
#[cfg(feature = "gpu")]
pub use gpu::{
    Bound, ExpertMatMul, Experts, GetRows, Gpu, GpuOptions, LinearMatMul, LinearWeights, MatMul, MatMulBuilder, OfOneX,
    Tuned, Weights,
};
pub use group::Group;
pub use input_scale::InputScale;
pub use linear::{Linear, OutputScale, RmsNorm, Rotation};
pub use matrix::{Inspection, Matrix};
pub use precision::Precision;
pub use scale_type::ScaleType;
pub use shader::{Caps, Decisions, DeviceClass, Epilogue, FloatType, KERNELS, KernelInfo, wgsl};
#[doc(hidden)]
pub use shader::{Dialect, ShaderKind, ShaderText, every_shader, wgsl_on};
#[cfg(feature = "gpu")]
pub use wgpu;

/// The guides, so that their code is tested with the documentation. The crate page links them by path.
#[cfg(all(doctest, feature = "gpu"))]
mod guides {
    #[doc = include_str!("../docs/your_own_pass.md")]
    mod your_own_pass {}
    #[doc = include_str!("../docs/transformer_layer.md")]
    mod transformer_layer {}
    #[doc = include_str!("../docs/loading.md")]
    mod loading {}
    #[doc = include_str!("../docs/tuning.md")]
    mod tuning {}
    #[doc = include_str!("../docs/good_weights.md")]
    mod good_weights {}
}

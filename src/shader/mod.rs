//! From a format, a kernel, what is put around it and its numbers to the text of a shader. Nothing here knows a device:
//! [`Traits`](traits::Traits) stands for one.

pub(crate) mod axes;
pub(crate) mod bindings;
pub(crate) mod caps;
mod choices;
pub(crate) mod choose;
pub(crate) mod compose;
mod constants;
mod coop;
pub(crate) mod decisions;
pub(crate) mod epilogue;
#[doc(hidden)]
pub mod every;
mod factors;
pub(crate) mod file;
mod gemv;
mod integers;
mod kernel;
pub(crate) mod kernels;
mod needs;
pub(crate) mod params;
#[cfg(test)]
mod slots;
pub(crate) mod small;
pub(crate) mod source;
pub(crate) mod traits;
pub(crate) mod tuning;

pub use axes::FloatType;
pub use caps::Caps;
pub use compose::{wgsl, wgsl_on};
pub use decisions::Decisions;
pub use epilogue::Epilogue;
pub use every::{ShaderKind, ShaderText, every_shader};
pub use kernel::KernelInfo;
pub use kernels::KERNELS;
pub(crate) use kernels::{File, text};
pub use traits::{DeviceClass, Dialect};

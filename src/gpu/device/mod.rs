//! A device and what lies on it: compiled shaders, layouts of bindings, weights.

pub(crate) mod adapter;
pub(crate) mod buffers;
pub(crate) mod errors;
pub(crate) mod gpu;
mod interleave;
pub(crate) mod layouts;
pub(crate) mod lock;
pub(crate) mod modules;
pub(crate) mod pipeline_cache;
pub(crate) mod pipelines;
pub(crate) mod planes;
pub(crate) mod scratch;
pub(crate) mod told;
pub(crate) mod traits;
pub(crate) mod weights;

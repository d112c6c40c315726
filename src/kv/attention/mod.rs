//! Attention over packed caches of all heads of a layer.
//!
//! Where a token lies is said by its place: sequence · capacity + position. The caller names the places of the rows that
//! are appended and of those that attend, so nothing is counted here: to roll back, go on at an earlier place; to
//! scatter, name any places; a batch is rows of several sequences. A row attends to its own place and those before it
//! in its sequence; a row of a bidirectional model names the last place of its sequence instead of its own.

mod cpu;
mod online;
mod options;
mod rope;
mod shaders;

pub use cpu::Attention;
#[cfg(feature = "gpu")]
pub(crate) use cpu::check_sinks;
pub use options::AttentionOptions;
pub use rope::{Rope, RopeScaling};
#[cfg(feature = "gpu")]
pub(crate) use shaders::VALUE_BINDINGS;
pub(crate) use shaders::{Attending, AttentionShaders, Placing, Taken};

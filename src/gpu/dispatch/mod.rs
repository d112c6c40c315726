//! A compiled kernel with its buffers, recorded into any pass.
//!
//! A [`Dispatch`](dispatch::Dispatch) is a pipeline, its bindings and its grids; a [`Sequence`](sequence::Sequence) is
//! dispatches wired to the caller's buffers and to scratch. Everything that lowbit records is a sequence.

#[allow(clippy::module_inception)]
pub(crate) mod dispatch;
pub(crate) mod job;
pub(crate) mod kept;
pub(crate) mod params;
pub(crate) mod range;
pub(crate) mod readback;
pub(crate) mod run_length;
pub(crate) mod sequence;
pub(crate) mod small;
pub(crate) mod small_kernel;
pub(crate) mod weights;

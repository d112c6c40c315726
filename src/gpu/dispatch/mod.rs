//! A compiled kernel with its buffers, recorded into any pass.

pub(crate) mod bound;
pub(crate) mod jobs;
pub(crate) mod kept;
pub(crate) mod prepared;
pub(crate) mod readback;
pub(crate) mod runs;
pub(crate) mod step;

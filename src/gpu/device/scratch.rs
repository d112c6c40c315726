//! Memory between the dispatches of a product, shared by the products of a device.
//!
//! Dispatches of a queue run in the order in which they are submitted, and a product reads only what its own dispatches
//! have just written: no two products need it at the same time.

use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::lock::lock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use wgpu::{Buffer, BufferUsages};

/// The largest scratch buffer of each purpose, as long as a product has it.
#[derive(Default)]
pub(crate) struct Scratch {
    largest: Mutex<HashMap<&'static str, Weak<Buffer>>>,
}

impl Gpu {
    /// A buffer of at least `size` bytes for this purpose. It is shared for as long as its `Arc` is kept.
    pub(crate) async fn scratch(&self, purpose: &'static str, size: u64) -> Result<Arc<Buffer>> {
        let largest = lock(&self.shared_scratch().largest)
            .get(purpose)
            .and_then(Weak::upgrade);
        if let Some(buffer) = largest.filter(|buffer| buffer.size() >= size) {
            return Ok(buffer);
        }
        // Tests read it back.
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        let buffer = Arc::new(self.buffer(purpose, size, usage).await?);
        lock(&self.shared_scratch().largest).insert(purpose, Arc::downgrade(&buffer));
        Ok(buffer)
    }
}

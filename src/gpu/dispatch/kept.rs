//! Bind groups for buffers that are used again and again.

use crate::Result;
use crate::gpu::device::lock::lock;
use std::sync::{Arc, Mutex};
use wgpu::BindGroup;

/// How many are kept; with them their buffers stay alive.
const KEPT: usize = 16;

/// The bind groups of each dispatch.
pub(crate) type Groups = Arc<[Vec<BindGroup>]>;

/// The bind groups of the last few sets of buffers.
pub(crate) struct Kept<K> {
    groups: Mutex<Vec<(K, Groups)>>,
}

impl<K> Default for Kept<K> {
    fn default() -> Kept<K> {
        Kept {
            groups: Mutex::default(),
        }
    }
}

impl<K: PartialEq> Kept<K> {
    /// Those of `key`, made the first time it is seen.
    pub fn get(&self, key: K, make: impl FnOnce(&K) -> Result<Groups>) -> Result<Groups> {
        let mut kept = lock(&self.groups);
        if let Some((_, groups)) = kept.iter().find(|(k, _)| *k == key) {
            return Ok(groups.clone());
        }
        if kept.len() == KEPT {
            kept.remove(0);
        }
        let groups = make(&key)?;
        kept.push((key, groups.clone()));
        Ok(groups)
    }
}

//! The parameters of dispatches, in uniform buffers.

use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::lock::lock;
use crate::gpu::dispatch::range::BufferRange;
use bytemuck::Pod;
use std::collections::HashMap;
use std::sync::Mutex;
use wgpu::BufferUsages;

/// How far apart parameters lie: the largest uniform offset alignment there is.
const STRIDE: usize = 256;

/// Parameters of every number of rows, one after the other: each table made once for a device, since products of one
/// shape have the same.
#[derive(Default)]
pub(crate) struct ParameterTables {
    /// By the bytes of the parameters of one row.
    made: Mutex<HashMap<Vec<u8>, BufferRange>>,
}

/// Where the parameters of so many rows lie in a table.
pub(crate) fn table_offset(rows: usize) -> u32 {
    ((rows - 1) * STRIDE) as u32
}

impl Gpu {
    /// Where each of these parameters is to be bound.
    pub(crate) async fn parameters<P: Pod>(&self, all: &[P]) -> Result<Vec<BufferRange>> {
        let bytes = spaced(all.iter().copied());
        let buffer = self.buffer_of("parameters", &bytes, BufferUsages::UNIFORM).await?;
        let part = |i: usize| BufferRange::part(&buffer, (i * STRIDE) as u64, size_of::<P>() as u64);
        Ok((0..all.len()).map(part).collect())
    }

    /// Where the parameters of one row are to be bound; those of more lie at [`table_offset`] from there, up to `most`.
    pub(crate) async fn parameter_table<P: Pod>(&self, most: usize, of: impl Fn(usize) -> P) -> Result<BufferRange> {
        let key = bytemuck::bytes_of(&of(1)).to_vec();
        let made = lock(&self.parameter_tables().made).get(&key).cloned();
        if let Some(table) = made.filter(|table| table.buffer.size() >= (most * STRIDE) as u64) {
            return Ok(table);
        }
        let bytes = spaced((0..most).map(|i| of(i + 1)));
        let buffer = self.buffer_of("parameters", &bytes, BufferUsages::UNIFORM).await?;
        let table = BufferRange::part(&buffer, 0, size_of::<P>() as u64);
        lock(&self.parameter_tables().made).insert(key, table.clone());
        Ok(table)
    }
}

fn spaced<P: Pod>(all: impl ExactSizeIterator<Item = P>) -> Vec<u8> {
    const { assert!(size_of::<P>() <= STRIDE) }
    let mut bytes = vec![0; all.len() * STRIDE];
    for (params, place) in all.zip(bytes.chunks_mut(STRIDE)) {
        place[..size_of::<P>()].copy_from_slice(bytemuck::bytes_of(&params));
    }
    bytes
}

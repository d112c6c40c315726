//! The product with unpacked f32 weights on the same device, to compare packed ones with.

use crate::{Fallible, npy::Dense, readback};
use lowbit::Gpu;
use lowbit::wgpu::{self, Buffer, BufferUsages, ComputePass};

/// Floats that the kernel reads at a time; rows are padded with zeros to a multiple.
const PIECE: usize = 16;
const LANES: usize = 64;
/// The most rows of x that one invocation takes.
const COLS: usize = 4;

/// The entry points of `f32.wgsl`, and the rows of weights that a workgroup of each owns.
pub const KERNELS: [(&str, usize); 2] = [("row_per_lane", LANES), ("row_per_workgroup", 1)];

pub struct Unpacked<'a> {
    gpu: &'a Gpu,
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    y: Buffer,
    grid: [u32; 3],
}

/// Bytes of weights that the product reads.
pub fn bytes(dense: &Dense) -> u64 {
    4 * dense.n as u64 * dense.k.next_multiple_of(PIECE) as u64
}

/// Ok if weights, inputs and outputs each fit one binding; otherwise an error with both sizes.
pub fn fits(gpu: &Gpu, dense: &Dense, m: usize) -> Result<(), String> {
    let limits = gpu.device().limits();
    let limit = limits.max_storage_buffer_binding_size;
    let rows = m as u64 * dense.n.max(dense.k.next_multiple_of(PIECE)) as u64;
    let needed = bytes(dense).max(4 * rows);
    if needed > limit.min(limits.max_buffer_size) {
        return Err(format!("a buffer of {needed} bytes is needed, a binding holds {limit}"));
    }
    Ok(())
}

impl<'a> Unpacked<'a> {
    /// Prepares one of [`KERNELS`] for the rows of `x`.
    pub fn new(gpu: &'a Gpu, dense: &Dense, x: &[f32], (entry, rows): (&str, usize)) -> Fallible<Unpacked<'a>> {
        let device = gpu.device();
        let limits = device.limits();
        let (n, m) = (dense.n, x.len() / dense.k);
        let cols = m.min(COLS);
        // One side of a grid may be too short for all rows, so the rest goes to the third.
        let groups = n.div_ceil(rows);
        let width = groups.min(limits.max_compute_workgroups_per_dimension as usize);
        let grid = [width, m.div_ceil(cols), groups.div_ceil(width)].map(|side| side as u32);
        let pieces = dense.k.div_ceil(PIECE);
        let params = [n, m, pieces, width].map(|p| p as u32);

        let module = device.create_shader_module(wgpu::include_wgsl!("f32.wgsl"));
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(entry),
            layout: None,
            module: &module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[("COLS", cols as f64)],
                // The kernel writes before it reads.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        let storage = BufferUsages::STORAGE;
        let y = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("y"),
            size: 4 * (m * n) as u64,
            usage: storage | BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let buffers = [
            &filled(gpu, &padded(&dense.weights, dense.k), storage)?,
            &filled(gpu, &padded(x, dense.k), storage)?,
            &y,
            &filled(gpu, bytemuck::cast_slice(&params), BufferUsages::UNIFORM)?,
        ];
        let entries = [0, 1, 2, 3].map(|i| wgpu::BindGroupEntry {
            binding: i as u32,
            resource: buffers[i].as_entire_binding(),
        });
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(entry),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        Ok(Unpacked {
            gpu,
            pipeline,
            group,
            y,
            grid,
        })
    }

    /// Records the product into a pass.
    pub fn record(&self, pass: &mut ComputePass) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.dispatch_workgroups(self.grid[0], self.grid[1], self.grid[2]);
    }

    /// The product's result.
    pub fn run(&self) -> Fallible<Vec<f32>> {
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        self.record(&mut encoder.begin_compute_pass(&Default::default()));
        self.gpu.queue().submit([encoder.finish()]);
        readback::floats(self.gpu, &self.y)
    }
}

/// Rows of `k` floats as bytes, each padded with zeros to a whole number of pieces.
fn padded(rows: &[f32], k: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 * rows.len() / k * k.next_multiple_of(PIECE));
    for row in rows.chunks(k) {
        out.extend_from_slice(bytemuck::cast_slice(row));
        out.resize(out.len() + 4 * (k.next_multiple_of(PIECE) - k), 0);
    }
    out
}

fn filled(gpu: &Gpu, bytes: &[u8], usage: BufferUsages) -> Fallible<Buffer> {
    let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: Some("unpacked"),
        size: bytes.len() as u64,
        usage,
        mapped_at_creation: true,
    });
    buffer.slice(..).get_mapped_range_mut()?.copy_from_slice(bytes);
    buffer.unmap();
    Ok(buffer)
}

//! Buffers of which a part is bound, in the middle of a pattern.

use lowbit::Gpu;
use lowbit::wgpu::{self, BufferSlice, BufferUsages, ComputePass, util::DeviceExt};

/// Bytes on either side of what is bound: a multiple of every alignment.
const MARGIN: usize = 1024;

/// A NaN that arithmetic does not produce: what reads it shows it.
const PATTERN: u32 = 0xffde_ffad;

pub struct Framed {
    buffer: wgpu::Buffer,
    words: usize,
}

impl Framed {
    /// Whole words of these bytes; the pattern fills up the last one.
    pub fn new(gpu: &Gpu, bytes: &[u8]) -> Framed {
        let words = bytes.len().div_ceil(4);
        let mut contents = PATTERN.to_le_bytes().repeat(2 * MARGIN / 4 + words);
        contents[MARGIN..MARGIN + bytes.len()].copy_from_slice(bytes);
        let buffer = gpu.device().create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: None,
            contents: &contents,
            usage: BufferUsages::STORAGE | BufferUsages::COPY_SRC,
        });
        Framed { buffer, words }
    }

    /// Room for an output.
    pub fn room(gpu: &Gpu, bytes: usize) -> Framed {
        Framed::new(gpu, &PATTERN.to_le_bytes().repeat(bytes.div_ceil(4)))
    }

    pub fn slice(&self) -> BufferSlice<'_> {
        let first = MARGIN as u64;
        self.buffer.slice(first..first + 4 * self.words as u64)
    }

    /// The words that are bound, or an error where a word around them is another.
    pub fn read(&self, gpu: &Gpu) -> Result<Vec<u32>, String> {
        let back = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: self.buffer.size(),
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&self.buffer, 0, &back, 0, back.size());
        gpu.queue().submit([encoder.finish()]);
        back.slice(..).map_async(wgpu::MapMode::Read, |r| r.unwrap());
        gpu.device().poll(wgpu::PollType::wait_indefinitely()).unwrap();
        let view = back.slice(..).get_mapped_range().unwrap();
        let all: Vec<u32> = bytemuck::pod_collect_to_vec(&view);
        let bound = MARGIN / 4..MARGIN / 4 + self.words;
        match (0..all.len()).find(|at| !bound.contains(at) && all[*at] != PATTERN) {
            Some(at) => Err(format!("word {at} is {:#x}; words {bound:?} are bound", all[at])),
            None => Ok(all[bound].to_vec()),
        }
    }
}

/// Commands that one pass records.
pub fn recorded(gpu: &Gpu, record: impl FnOnce(&mut ComputePass)) -> wgpu::CommandBuffer {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    record(&mut encoder.begin_compute_pass(&Default::default()));
    encoder.finish()
}

/// The words of an output of so many bytes, with a framed buffer for each input.
pub fn run(
    gpu: &Gpu,
    inputs: &[&[u8]],
    bytes: usize,
    record: impl FnOnce(&mut ComputePass, &[BufferSlice], BufferSlice),
) -> Result<Vec<u32>, String> {
    let inputs: Vec<_> = inputs.iter().map(|bytes| Framed::new(gpu, bytes)).collect();
    let slices: Vec<_> = inputs.iter().map(Framed::slice).collect();
    let y = Framed::room(gpu, bytes);
    let commands = recorded(gpu, |pass| record(pass, &slices, y.slice()));
    gpu.queue().submit([commands]);
    y.read(gpu)
}

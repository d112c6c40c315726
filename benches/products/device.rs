//! A device that times what it runs.

use lowbit::{Error, Gpu};
use std::time::{Duration, Instant};
use wgpu::util::{BufferInitDescriptor, DeviceExt};
use wgpu::{
    BindGroup, BindGroupEntry, Buffer, BufferDescriptor, BufferUsages, ComputePass, ComputePassDescriptor,
    ComputePassTimestampWrites, ComputePipeline, Device, Features,
};

/// Dispatches in one pass: enough to hide the resolution of timestamps, few enough not to trip a
/// hang watchdog, and no more than a `MatMul` keeps bind groups for.
const BATCH: u64 = 16;

/// Records a dispatch; the argument is its number in the pass.
pub type Record<'a> = dyn Fn(&mut ComputePass, usize) + 'a;

/// The clock that times are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The device's, at the beginning and end of a pass.
    Timestamps,
    /// The host's, from submission to the end of waiting.
    Wall,
}

pub struct Bench {
    pub gpu: Gpu,
    stamps: Option<Stamps>,
}

struct Stamps {
    set: wgpu::QuerySet,
    resolved: Buffer,
    nanoseconds: f64,
}

impl Bench {
    /// Opens the adapter that lowbit chooses. No adapter is an error to return; any other error panics.
    pub fn open() -> Result<Bench, String> {
        let gpu = match Gpu::new() {
            Ok(gpu) => gpu,
            Err(Error::NoAdapter(why)) => return Err(why),
            Err(e) => panic!("{e}"),
        };
        let device = gpu.device();
        let has = device.features().contains(Features::TIMESTAMP_QUERY);
        let stamps = has.then(|| Stamps {
            set: device.create_query_set(&wgpu::QuerySetDescriptor {
                label: None,
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            }),
            resolved: device.create_buffer(&BufferDescriptor {
                label: Some("timestamps"),
                size: 16,
                usage: BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            }),
            nanoseconds: gpu.queue().get_timestamp_period().into(),
        });
        Ok(Bench { gpu, stamps })
    }

    pub fn clock(&self) -> Clock {
        match self.stamps {
            Some(_) => Clock::Timestamps,
            None => Clock::Wall,
        }
    }

    pub fn buffer(&self, contents: &[u8], usage: BufferUsages) -> Buffer {
        self.gpu.device().create_buffer_init(&BufferInitDescriptor {
            label: None,
            contents,
            usage,
        })
    }

    /// Outputs filled with NaN, one for each dispatch of a pass: dispatches that write to one buffer wait for each
    /// other, and products of one input in a model do not.
    pub fn outputs(&self, len: usize) -> Vec<Buffer> {
        let nan = vec![f32::NAN; len];
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        let output = |_| self.buffer(bytemuck::cast_slice(&nan), usage);
        (0..BATCH).map(output).collect()
    }

    /// The time of `count` dispatches, `BATCH` a pass.
    pub fn time(&self, count: u64, record: &Record) -> Duration {
        let mut total = Duration::ZERO;
        let mut left = count;
        while left > 0 {
            let now = left.min(BATCH);
            total += self.pass(now, record);
            left -= now;
        }
        total
    }

    fn pass(&self, count: u64, record: &Record) -> Duration {
        let device = self.gpu.device();
        let mut encoder = device.create_command_encoder(&Default::default());
        let writes = self.stamps.as_ref().map(|s| ComputePassTimestampWrites {
            query_set: &s.set,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        });
        let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor {
            label: None,
            timestamp_writes: writes,
        });
        for i in 0..count as usize {
            record(&mut pass, i);
        }
        drop(pass);
        if let Some(s) = &self.stamps {
            encoder.resolve_query_set(&s.set, 0..2, &s.resolved, 0);
        }
        let start = Instant::now();
        self.gpu.queue().submit([encoder.finish()]);
        self.wait();
        let Some(s) = &self.stamps else {
            return start.elapsed();
        };
        let ticks: Vec<u64> = self.read(&s.resolved);
        let elapsed = ticks[1].saturating_sub(ticks[0]);
        assert!(elapsed > 0, "no time passed between timestamps {ticks:?}");
        Duration::from_nanos((elapsed as f64 * s.nanoseconds) as u64)
    }

    fn wait(&self) {
        let waited = self.gpu.device().poll(wgpu::PollType::wait_indefinitely());
        waited.expect("the device is alive");
    }

    /// The contents of a buffer.
    pub fn read<T: bytemuck::Pod>(&self, buffer: &Buffer) -> Vec<T> {
        let device = self.gpu.device();
        let staging = device.create_buffer(&BufferDescriptor {
            label: Some("staging"),
            size: buffer.size(),
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size());
        self.gpu.queue().submit([encoder.finish()]);
        staging
            .slice(..)
            .map_async(wgpu::MapMode::Read, |r| r.expect("staging is mapped"));
        self.wait();
        let view = staging.slice(..).get_mapped_range();
        bytemuck::pod_collect_to_vec(&view.expect("staging is mapped"))
    }
}

/// A shader of this bench's own, with its buffers bound in order.
pub fn compile(device: &Device, wgsl: &str, buffers: &[&Buffer]) -> (ComputePipeline, BindGroup) {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(wgsl.into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            // lowbit compiles its own kernels this way.
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    });
    let entries: Vec<_> = (0..)
        .zip(buffers)
        .map(|(binding, buffer)| BindGroupEntry {
            binding,
            resource: buffer.as_entire_binding(),
        })
        .collect();
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &entries,
    });
    (pipeline, group)
}

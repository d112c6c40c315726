//! The time of a product, by the device's clock where it has one, otherwise by the host's.

use crate::{Fallible, readback};
use lowbit::Gpu;
use lowbit::wgpu::{self, Buffer, BufferUsages, ComputePass, Features};
use std::time::{Duration, Instant};

/// The time for the runs of one measurement, after its warm-up.
const BUDGET: Duration = Duration::from_millis(50);
/// Seconds that a single pass should take, so that its overhead is small.
const PASS: f64 = 0.002;
/// The most products in a pass, because some drivers abort long ones.
const PRODUCTS: usize = 256;

/// Records one product into a pass.
pub type Record<'a> = &'a dyn Fn(&mut ComputePass) -> lowbit::Result<()>;

pub struct Clock<'a> {
    gpu: &'a Gpu,
    queries: Option<Queries>,
}

impl<'a> Clock<'a> {
    /// The device's clock, if a pass of `record` takes some time by it, and no more than by the host's:
    /// the timestamps of some drivers do not advance, or have other units than reported.
    pub fn new(gpu: &'a Gpu, record: Record) -> Fallible<Clock<'a>> {
        let queries = Queries::new(gpu);
        let mut clock = Clock { gpu, queries };
        // Drivers may finish compiling in the first pass.
        clock.pass(1, record)?;
        let started = Instant::now();
        let passed = clock.pass(8, record)?;
        if !(passed > 0.0 && passed <= started.elapsed().as_secs_f64()) {
            clock.queries = None;
        }
        Ok(clock)
    }

    /// Which clock it is.
    pub fn name(&self) -> &'static str {
        match self.queries {
            Some(_) => "GPU clock",
            None => "wall clock",
        }
    }

    /// The median time of one product, in seconds. Each pass records many.
    pub fn median(&self, record: Record) -> Fallible<f64> {
        self.pass(1, record)?;
        let one = self.pass(1, record)?;
        let count = (PASS / one).clamp(1.0, PRODUCTS as f64) as usize;
        median(|| Ok(self.pass(count, record)? / count as f64))
    }

    /// Seconds of one pass of `count` products.
    fn pass(&self, count: usize, record: Record) -> Fallible<f64> {
        let started = Instant::now();
        let device = self.gpu.device();
        let mut encoder = device.create_command_encoder(&Default::default());
        let writes = |q| wgpu::ComputePassTimestampWrites {
            query_set: q,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        };
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("timing"),
            timestamp_writes: self.queries.as_ref().map(|q| writes(&q.set)),
        });
        for _ in 0..count {
            record(&mut pass)?;
        }
        drop(pass);
        if let Some(q) = &self.queries {
            encoder.resolve_query_set(&q.set, 0..2, &q.resolved, 0);
            encoder.copy_buffer_to_buffer(&q.resolved, 0, &q.readable, 0, q.readable.size());
        }
        self.gpu.queue().submit([encoder.finish()]);
        match &self.queries {
            Some(q) => q.elapsed(self.gpu),
            None => {
                device.poll(wgpu::PollType::wait_indefinitely())?;
                Ok(started.elapsed().as_secs_f64())
            }
        }
    }
}

/// Two timestamps: before a pass and after it.
struct Queries {
    set: wgpu::QuerySet,
    resolved: Buffer,
    readable: Buffer,
    /// Seconds of one tick.
    tick: f64,
}

impl Queries {
    fn new(gpu: &Gpu) -> Option<Queries> {
        let device = gpu.device();
        if !device.features().contains(Features::TIMESTAMP_QUERY) {
            return None;
        }
        let buffer = |usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("timestamps"),
                size: 16,
                usage,
                mapped_at_creation: false,
            })
        };
        Some(Queries {
            set: device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timing"),
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            }),
            resolved: buffer(BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC),
            readable: buffer(BufferUsages::MAP_READ | BufferUsages::COPY_DST),
            tick: gpu.queue().get_timestamp_period() as f64 * 1e-9,
        })
    }

    fn elapsed(&self, gpu: &Gpu) -> Fallible<f64> {
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&readback::mapped(gpu, &self.readable)?);
        Ok(ticks[1].saturating_sub(ticks[0]) as f64 * self.tick)
    }
}

/// The median of as many measurements as the budget allows, at least three.
pub fn median(mut one: impl FnMut() -> Fallible<f64>) -> Fallible<f64> {
    let started = Instant::now();
    let mut times = Vec::new();
    while times.len() < 3 || started.elapsed() < BUDGET {
        times.push(one()?);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

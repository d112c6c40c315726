//! The device that runs the variants.

use crate::cpu_time::cpu_seconds;
use crate::data::{Data, Planes};
use crate::shader;
use crate::variant::Variant;
use std::time::{Duration, Instant};
use wgpu::util::{BufferInitDescriptor, DeviceExt};
use wgpu::{BindGroup, BindGroupEntry, Buffer, BufferUsages, ComputePipeline, Device, Features, Queue};

/// Time spent on one variant in each round: enough ticks of the CPU clock for two digits.
const LONG_ENOUGH: Duration = Duration::from_millis(400);

pub struct Lab {
    pub info: wgpu::AdapterInfo,
    pub subgroups_of_8: bool,
    device: Device,
    queue: Queue,
    data: Data,
    x: Buffer,
    params: Buffer,
    row_major: [Buffer; 2],
    interleaved: [Buffer; 2],
}

/// A compiled and checked variant, and its timings.
pub struct Subject {
    pub variant: Variant,
    /// From the shader's text to the end of the first product.
    pub first_seconds: f64,
    pipeline: ComputePipeline,
    group: BindGroup,
    seconds: Vec<f64>,
    cpu_seconds: Option<f64>,
}

impl Subject {
    /// Median wall time of one product in seconds, from submission to the end of waiting.
    pub fn seconds(&self) -> f64 {
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    }

    /// Mean CPU time of one product in seconds, the driver's threads included. None where unknown.
    pub fn cpu_seconds(&self) -> Option<f64> {
        self.cpu_seconds.map(|s| s / self.seconds.len() as f64)
    }
}

impl Lab {
    pub fn open(data: Data) -> Result<Lab, wgpu::RequestAdapterError> {
        pollster::block_on(async {
            let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
            let adapter = instance.request_adapter(&Default::default()).await?;
            let info = adapter.get_info();
            let (device, queue) = adapter
                .request_device(&wgpu::DeviceDescriptor {
                    required_features: adapter.features() & Features::SUBGROUP,
                    ..Default::default()
                })
                .await
                .expect("every adapter gives a device with default limits");
            let buffer = |contents: &[u8], usage| {
                device.create_buffer_init(&BufferInitDescriptor {
                    label: None,
                    contents,
                    usage,
                })
            };
            let storage = BufferUsages::STORAGE;
            let planes = |p: &Planes| {
                [
                    buffer(bytemuck::cast_slice(&p.codes), storage),
                    buffer(bytemuck::cast_slice(&p.scales), storage),
                ]
            };
            let sizes = (info.subgroup_min_size, info.subgroup_max_size);
            Ok(Lab {
                subgroups_of_8: device.features().contains(Features::SUBGROUP) && sizes == (8, 8),
                x: buffer(bytemuck::cast_slice(&data.x), storage),
                params: buffer(bytemuck::cast_slice(&[data.n as u32; 2]), BufferUsages::UNIFORM),
                row_major: planes(&data.row_major),
                interleaved: planes(&data.interleaved),
                info,
                device,
                queue,
                data,
            })
        })
    }

    /// Compiles a variant, runs it once, and checks its output.
    pub fn prepare(&self, variant: Variant) -> Subject {
        let start = Instant::now();
        let y = self.device.create_buffer_init(&BufferInitDescriptor {
            label: Some("y"),
            contents: bytemuck::cast_slice(&vec![f32::NAN; self.data.n]),
            usage: BufferUsages::STORAGE | BufferUsages::COPY_SRC,
        });
        let (pipeline, group) = self.pipeline(&variant, &y);
        let mut subject = Subject {
            variant,
            first_seconds: 0.0,
            pipeline,
            group,
            seconds: Vec::new(),
            cpu_seconds: Some(0.0),
        };
        self.run(&subject);
        subject.first_seconds = start.elapsed().as_secs_f64();
        self.check(&variant, &y);
        subject
    }

    /// Times a variant for a while, or `once`.
    pub fn time(&self, subject: &mut Subject, once: bool) {
        let (began, cpu_began) = (Instant::now(), cpu_seconds());
        loop {
            let start = Instant::now();
            self.run(subject);
            subject.seconds.push(start.elapsed().as_secs_f64());
            if once || began.elapsed() >= LONG_ENOUGH {
                break;
            }
        }
        let spent = cpu_seconds().zip(cpu_began).map(|(end, start)| end - start);
        // A single run is shorter than a tick.
        let spent = spent.filter(|_| !once).zip(subject.cpu_seconds);
        subject.cpu_seconds = spent.map(|(now, before)| now + before);
    }

    fn pipeline(&self, v: &Variant, y: &Buffer) -> (ComputePipeline, BindGroup) {
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(shader::text(v).into()),
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        let [codes, scales] = match v.interleave {
            1 => &self.row_major,
            _ => &self.interleaved,
        };
        let buffers = [codes, scales, &self.x, y, &self.params];
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        (pipeline, group)
    }

    fn run(&self, subject: &Subject) {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&subject.pipeline);
        pass.set_bind_group(0, &subject.group, &[]);
        let workgroups = self.data.n.div_ceil(shader::tile(&subject.variant));
        pass.dispatch_workgroups(workgroups as u32, 1, 1);
        drop(pass);
        self.queue.submit([encoder.finish()]);
        self.wait();
    }

    fn wait(&self) {
        let waited = self.device.poll(wgpu::PollType::wait_indefinitely());
        waited.expect("the device is alive");
    }

    /// Every row must be within 8 ε Σ|x·w| of the f64 sum.
    fn check(&self, v: &Variant, y: &Buffer) {
        let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("staging"),
            size: y.size(),
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(y, 0, &staging, 0, y.size());
        self.queue.submit([encoder.finish()]);
        staging
            .slice(..)
            .map_async(wgpu::MapMode::Read, |mapped| mapped.expect("y is mapped"));
        self.wait();
        let view = staging.slice(..).get_mapped_range().expect("y is mapped");
        let got: Vec<f32> = bytemuck::pod_collect_to_vec(&view);
        for (row, (got, (want, size))) in got.iter().zip(&self.data.expected).enumerate() {
            let (err, bound) = ((*got as f64 - want).abs(), 8.0 * f32::EPSILON as f64 * size);
            if !(err <= bound) {
                panic!("{v:?}, row {row}: got {got}, expected {want} within {bound}");
            }
        }
    }
}

//! lowbit in a program that has its own wgpu device: two products and the program's own shader, in
//! one compute pass and one submission.
//!
//!     cargo run --release --example embed_in_your_pass
//!
//! It computes y = down · silu(up · x) for M rows of x, a feed-forward block without its gate.
//! The exit status is 1 where the result differs from the CPU path by more than rounding explains.

#[path = "matmul/inputs.rs"]
mod inputs;

use lowbit::wgpu::{self, BufferUsages, util::DeviceExt};
use lowbit::{Dense, Format, Gpu, MatMul, Matrix, Precision};
use std::process::ExitCode;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// Rows of x, and the sizes of the block: K inputs, HIDDEN values between the products, K outputs.
const M: usize = 4;
const K: usize = 256;
const HIDDEN: usize = 512;

fn main() -> ExitCode {
    env_logger::init();
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Fallible<bool> {
    // 1. Your device. Only the two helpers that say what lowbit can use are lowbit's. Neither is
    //    required: a device with default limits and no features suffices. Use the wgpu that lowbit
    //    re-exports, or one of the same version. `block_on` stands for your program's executor.
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    let instance = wgpu::Instance::new(descriptor);
    let adapter = match pollster::block_on(instance.request_adapter(&Default::default())) {
        Ok(adapter) => adapter,
        Err(e) => {
            println!("There is no adapter to run this example on: {e}");
            return Ok(true);
        }
    };
    let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
        label: Some("the caller's device"),
        required_features: Gpu::useful_features(&adapter),
        required_limits: Gpu::useful_limits(&adapter),
        ..Default::default()
    }))?;

    // 2. lowbit shares it. Handles of wgpu are reference counted, so clones are cheap; lowbit does
    //    not change your error handlers.
    let gpu = Gpu::from_wgpu(adapter, device.clone(), queue.clone())?;
    println!("device: {}, {}", gpu.info().name, gpu.info().backend);

    // 3. Weights, packed on the host and uploaded once. Each matrix may have its own format.
    //    `Matrix::from_bytes` takes weights that are already packed.
    let up = synthetic(Format::INT4, HIDDEN, K, 1)?;
    let down = synthetic(Format::Q4_K, K, HIDDEN, 2)?;
    let (up_weights, down_weights) = (gpu.upload(&up)?, gpu.upload(&down)?);

    // 4. Products. Kernels are chosen and compiled here, not while you record.
    let up_product = MatMul::new(&gpu, &up_weights, M, Precision::F32)?;
    let down_product = MatMul::new(&gpu, &down_weights, M, Precision::F32)?;

    // 5. Your buffers and your pipeline. Inputs and outputs of a product need STORAGE, and must be
    //    different buffers, because WebGPU forbids a dispatch to read and write the same one.
    let x = inputs::normal(3, M * K);
    let x_buffer = device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
        label: Some("x"),
        contents: bytemuck::cast_slice(&x),
        usage: BufferUsages::STORAGE,
    });
    let storage = |label, floats: usize, usage| {
        device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: 4 * floats as u64,
            usage,
            mapped_at_creation: false,
        })
    };
    let h = storage("h", M * HIDDEN, BufferUsages::STORAGE);
    let y = storage("y", M * K, BufferUsages::STORAGE | BufferUsages::COPY_SRC);
    let read = storage("read", M * K, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
    let (silu, silu_group) = silu_pipeline(&device, &h);

    // 6. One pass. wgpu adds barriers between dispatches that use the same buffer, so each step
    //    reads what the previous one wrote. `encode` sets the pipeline and bind group 0; set yours
    //    again after it.
    let mut encoder = device.create_command_encoder(&Default::default());
    {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        up_product.encode(&mut pass, x_buffer.slice(..), h.slice(..))?;
        pass.set_pipeline(&silu);
        pass.set_bind_group(0, &silu_group, &[]);
        pass.dispatch_workgroups((M * HIDDEN).div_ceil(64) as u32, 1, 1);
        down_product.encode(&mut pass, h.slice(..), y.slice(..))?;
    }

    // 7. One submission, yours, and the result read back.
    encoder.copy_buffer_to_buffer(&y, 0, &read, 0, y.size());
    queue.submit([encoder.finish()]);
    let (sender, receiver) = std::sync::mpsc::channel();
    read.slice(..).map_async(wgpu::MapMode::Read, move |result| {
        // The receiver is dropped only where the wait below has failed.
        let _ = sender.send(result);
    });
    device.poll(wgpu::PollType::wait_indefinitely())?;
    receiver.recv()??;
    let bytes = read.slice(..).get_mapped_range()?.to_vec();
    let result: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);

    compare(&up, &down, &x, &result)
}

/// Random weights whose variance keeps outputs about as large as inputs.
fn synthetic(format: Format, n: usize, k: usize, seed: u64) -> lowbit::Result<Matrix<'static>> {
    let mut weights = inputs::normal(seed, n * k);
    weights.iter_mut().for_each(|w| *w /= (k as f32).sqrt());
    Dense::new(n, k, &weights).and_then(|w| Matrix::quantize(format, w))
}

fn silu_pipeline(device: &wgpu::Device, h: &wgpu::Buffer) -> (wgpu::ComputePipeline, wgpu::BindGroup) {
    let module = device.create_shader_module(wgpu::include_wgsl!("embed_in_your_pass.wgsl"));
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("silu"),
        layout: None,
        module: &module,
        entry_point: Some("silu"),
        compilation_options: Default::default(),
        cache: None,
    });
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("silu"),
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[wgpu::BindGroupEntry {
            binding: 0,
            resource: h.as_entire_binding(),
        }],
    });
    (pipeline, group)
}

/// Computes the same block on the CPU path; true if the device's result differs only by rounding.
///
/// The bound follows the data. Each product, on either side, has an error of at most
/// 8 · eps · Σ|x·w|. The error of the first passes through silu, whose slope is at most 1.1, and
/// then through the weights of the second; silu adds its own rounding, for which WGSL allows exp an
/// error of 3 + 2|h| units in the last place.
fn compare(up: &Matrix, down: &Matrix, x: &[f32], result: &[f32]) -> Fallible<bool> {
    let eps = f32::EPSILON as f64;
    let h = up.matmul(x)?;
    let s: Vec<f32> = h.iter().map(|h| h / (1.0 + (-h).exp())).collect();
    let y = down.matmul(&s)?;

    let off_h = magnitudes(x, &up.dequantize(), K);
    let off_s: Vec<f32> = (off_h.iter().zip(&h).zip(&s))
        .map(|((sum, h), s)| {
            let own = (8.0 + 2.0 * h.abs() as f64) * s.abs() as f64;
            (1.1 * 8.0 * sum + own) as f32
        })
        .collect();
    let w = down.dequantize();
    let (passed_on, own) = (magnitudes(&off_s, &w, HIDDEN), magnitudes(&s, &w, HIDDEN));

    if result.len() != y.len() {
        return Err(format!("{} outputs, expected {}", result.len(), y.len()).into());
    }
    let (mut worst, mut right) = (0f64, 0);
    for i in 0..y.len() {
        // Twice, because both sides round.
        let bound = 2.0 * eps * (passed_on[i] + 8.0 * own[i]);
        let ratio = (result[i] as f64 - y[i] as f64).abs() / bound;
        worst = if ratio > worst || ratio.is_nan() { ratio } else { worst };
        right += (ratio <= 1.0) as usize;
    }
    println!(
        "{M} rows of {K} -> {HIDDEN} ({}) -> silu -> {K} ({}), one pass, one submission",
        up.format(),
        down.format()
    );
    println!(
        "{right} of {} outputs agree with the CPU path; largest difference {worst:.3} of its bound",
        y.len()
    );
    Ok(right == y.len())
}

/// Σ|x·w| for each output.
fn magnitudes(x: &[f32], w: &[f32], k: usize) -> Vec<f64> {
    let size = |x: &[f32], w: &[f32]| {
        let products = x.iter().zip(w).map(|(x, w)| (*x as f64 * *w as f64).abs());
        products.sum::<f64>()
    };
    let rows = x.chunks(k).flat_map(|x| w.chunks(k).map(move |w| size(x, w)));
    rows.collect()
}

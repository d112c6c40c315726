//! Runs kernels with poisoned outputs.

use lowbit::wgpu::{self, BufferUsages, util::DeviceExt};
use lowbit::{Caps, Gpu, GpuOptions, KERNELS, KernelInfo, MatMul, Matrix, Precision, Weights, testing};
use std::sync::OnceLock;

/// The adapter under test. No adapter is a failure, never a reason to skip.
pub fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| {
        let matrices = std::env::var("LOWBIT_COOPERATIVE_MATRIX").is_ok_and(|v| v == "1");
        let options = GpuOptions::default().with_cooperative_matrix(matrices);
        let gpu = Gpu::with_options(options).unwrap_or_else(|e| panic!("{e}"));
        println!("adapter: {gpu:?}");
        gpu
    })
}

/// Whether the features that grant these capabilities are enabled.
pub fn has(gpu: &Gpu, needs: Caps) -> bool {
    let features = gpu.device().features();
    let enabled: Vec<_> = features.iter_names().map(|(name, _)| name).collect();
    needs.names().all(|name| enabled.contains(&name))
}

/// The product kernels of the table that need this precision and run on this device. Asserts that none is missing
/// without a reason. A device supports only the matrix sides that it reports.
pub fn kernels_of(gpu: &Gpu, precision: Precision) -> Vec<&'static KernelInfo> {
    // Every kernel that takes any format takes these weights.
    let weights = gpu
        .upload(&super::random_matrix(lowbit::Format::INT1, 1, 32, 1))
        .unwrap();
    let runs = |kernel: &&KernelInfo| {
        let made = |precision| with_kernel(gpu, &weights, 1, precision, kernel.name).is_ok();
        let runs = made(precision) && (precision == Precision::F32 || !made(Precision::F32));
        let may = kernel.is_product && kernel.precision == precision && has(gpu, kernel.needs);
        assert!(may || !runs, "{kernel} runs, which needs {:?}", kernel.needs);
        assert!(runs || !may || kernel.matrix_side.is_some(), "{kernel} should run here");
        runs
    };
    KERNELS.iter().filter(runs).collect()
}

/// An instance that the caller owns.
pub fn instance() -> wgpu::Instance {
    wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env())
}

/// A device as a caller would create it.
pub fn borrowed(change: impl FnOnce(&mut wgpu::Limits)) -> Gpu {
    borrowed_from(&instance(), change)
}

pub fn borrowed_from(instance: &wgpu::Instance, change: impl FnOnce(&mut wgpu::Limits)) -> Gpu {
    try_borrowed_from(instance, change).unwrap()
}

/// Like `borrowed`, but lowbit may refuse it.
pub fn try_borrowed(change: impl FnOnce(&mut wgpu::Limits)) -> lowbit::Result<Gpu> {
    try_borrowed_from(&instance(), change)
}

fn try_borrowed_from(instance: &wgpu::Instance, change: impl FnOnce(&mut wgpu::Limits)) -> lowbit::Result<Gpu> {
    pollster::block_on(async {
        let adapter = instance.request_adapter(&Default::default()).await.unwrap();
        let mut limits = wgpu::Limits::default().or_worse_values_from(&adapter.limits());
        change(&mut limits);
        let (device, queue) = adapter
            .request_device(&wgpu::DeviceDescriptor {
                required_limits: limits,
                ..Default::default()
            })
            .await
            .unwrap();
        Gpu::from_wgpu(adapter, device, queue)
    })
}

/// A caller's buffer of this many bytes.
pub fn storage(gpu: &Gpu, size: u64) -> wgpu::Buffer {
    buffer(gpu, size, BufferUsages::STORAGE)
}

pub fn buffer(gpu: &Gpu, size: u64, usage: BufferUsages) -> wgpu::Buffer {
    gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size,
        usage,
        mapped_at_creation: false,
    })
}

/// The content of an output before a kernel writes it: a NaN that arithmetic does not produce, as a word and as two
/// halves.
const POISON: u32 = 0xffde_ffad;

/// Words after the end of the output, which must survive.
const CANARY: usize = 64;

/// A product by the kernel of this name.
pub fn with_kernel(
    gpu: &Gpu,
    weights: &Weights,
    m: usize,
    precision: Precision,
    kernel: &str,
) -> lowbit::Result<MatMul> {
    let builder = MatMul::builder(gpu, weights, m).precision(precision);
    builder.kernel(kernel).build()
}

/// The same with an edited kernel text.
pub fn edited(
    gpu: &Gpu,
    weights: &Weights,
    m: usize,
    kernel: &str,
    edit: impl Fn(&str) -> String + Send + Sync,
) -> lowbit::Result<MatMul> {
    testing::edited(MatMul::builder(gpu, weights, m).kernel(kernel), edit).build()
}

/// One recorded product with the kernel of this name.
///
/// # Panics
/// If the canary was overwritten or an output was not written.
pub fn product(gpu: &Gpu, weights: &Weights, x: &[f32], kernel: &str) -> Vec<f32> {
    product_at(Precision::F32, gpu, weights, x, kernel)
}

/// Like `product`, with a kernel that may round more.
pub fn product_at(precision: Precision, gpu: &Gpu, weights: &Weights, x: &[f32], kernel: &str) -> Vec<f32> {
    let m = x.len() / weights.k();
    let product = with_kernel(gpu, weights, m, precision, kernel).unwrap();
    assert_eq!(product.kernel(), kernel);
    prepared(gpu, &product, x)
}

/// One recorded product with a prepared kernel.
pub fn prepared(gpu: &Gpu, product: &MatMul, x: &[f32]) -> Vec<f32> {
    run(gpu, x, product.m() * product.weights().n(), |pass, x, y| {
        product.encode(pass, x, y).unwrap()
    })
}

/// The outputs of an edited `gemv` on the same data: unwritten outputs stay NaN.
pub fn mutant(gpu: &Gpu, matrix: &Matrix, x: &[f32], edit: impl Fn(&str) -> String + Send + Sync) -> Vec<f32> {
    mutant_of("gemv", gpu, matrix, x, edit)
}

/// Like `mutant`, with the kernel of this name.
pub fn mutant_of(
    kernel: &str,
    gpu: &Gpu,
    matrix: &Matrix,
    x: &[f32],
    edit: impl Fn(&str) -> String + Send + Sync,
) -> Vec<f32> {
    let weights = gpu.upload(matrix).unwrap();
    let m = x.len() / weights.k();
    let product = edited(gpu, &weights, m, kernel, edit).unwrap();
    let words = words(gpu, x, m * weights.n(), |pass, x, y| {
        product.encode(pass, x, y).unwrap()
    });
    words[..m * weights.n()].iter().map(|&w| f32::from_bits(w)).collect()
}

/// Records with `encode` into one pass and returns `outputs` floats; asserts that all are written and nothing beyond
/// them.
pub fn run(
    gpu: &Gpu,
    input: &[impl bytemuck::Pod],
    outputs: usize,
    encode: impl FnOnce(&mut wgpu::ComputePass, wgpu::BufferSlice, wgpu::BufferSlice),
) -> Vec<f32> {
    let words = words(gpu, input, outputs, encode);
    let (y, canary) = words.split_at(outputs);
    assert!(canary.iter().all(|&w| w == POISON), "written past the end of y");
    let left = y.iter().filter(|&&w| w == POISON).count();
    assert_eq!(left, 0, "{left} of {outputs} outputs were not written");
    y.iter().map(|&w| f32::from_bits(w)).collect()
}

/// The output and its canary after the pass.
fn words(
    gpu: &Gpu,
    input: &[impl bytemuck::Pod],
    outputs: usize,
    encode: impl FnOnce(&mut wgpu::ComputePass, wgpu::BufferSlice, wgpu::BufferSlice),
) -> Vec<u32> {
    let input = bytemuck::cast_slice(input);
    let bytes = run_bytes(gpu, &[input], &[], 4 * (outputs + CANARY), |pass, inputs, y| {
        encode(pass, inputs[0].slice(..), y)
    });
    bytemuck::pod_collect_to_vec(&bytes)
}

/// Records with `encode` into one pass, with a buffer for each of `inputs`. Returns `outputs` floats, or an error if
/// not all of them were written, or more.
pub fn run_with(
    gpu: &Gpu,
    inputs: &[&[u8]],
    outputs: usize,
    encode: impl FnOnce(&mut wgpu::ComputePass, &[wgpu::Buffer], wgpu::BufferSlice),
) -> Result<Vec<f32>, String> {
    run_over(gpu, inputs, &[], outputs, encode)
}

/// The same where the output begins with `held`.
pub fn run_over(
    gpu: &Gpu,
    inputs: &[&[u8]],
    held: &[u8],
    outputs: usize,
    encode: impl FnOnce(&mut wgpu::ComputePass, &[wgpu::Buffer], wgpu::BufferSlice),
) -> Result<Vec<f32>, String> {
    let bytes = run_bytes(gpu, inputs, held, 4 * (outputs + CANARY), encode);
    let words: Vec<u32> = bytemuck::pod_collect_to_vec(&bytes);
    written(&words, outputs, |_| POISON)?;
    Ok(words[..outputs].iter().map(|w| f32::from_bits(*w)).collect())
}

/// The same for outputs in halves.
pub fn run_halves_over(
    gpu: &Gpu,
    inputs: &[&[u8]],
    held: &[u8],
    outputs: usize,
    encode: impl FnOnce(&mut wgpu::ComputePass, &[wgpu::Buffer], wgpu::BufferSlice),
) -> Result<Vec<f32>, String> {
    let bytes = run_bytes(gpu, inputs, held, 2 * outputs + 4 * CANARY, encode);
    let halves: Vec<u16> = bytemuck::pod_collect_to_vec(&bytes);
    written(&halves, outputs, |i| (POISON >> (16 * (i % 2))) as u16)?;
    let floats = halves[..outputs].iter().map(|h| half::f16::from_bits(*h).to_f32());
    Ok(floats.collect())
}

/// Whether exactly `outputs` items were written over the poison.
fn written<T: PartialEq>(items: &[T], outputs: usize, poison: impl Fn(usize) -> T) -> Result<(), String> {
    let left = (0..outputs).filter(|&i| items[i] == poison(i)).count();
    if left > 0 {
        return Err(format!("{left} of {outputs} outputs were not written"));
    }
    match (outputs..items.len()).find(|&i| items[i] != poison(i)) {
        Some(i) => Err(format!("written past the end of y: {i}")),
        None => Ok(()),
    }
}

/// The content of an output of `bytes` bytes after the pass; before it, it begins with `held`.
pub fn run_bytes(
    gpu: &Gpu,
    inputs: &[&[u8]],
    held: &[u8],
    bytes: usize,
    encode: impl FnOnce(&mut wgpu::ComputePass, &[wgpu::Buffer], wgpu::BufferSlice),
) -> Vec<u8> {
    let device = gpu.device();
    let buffer = |contents: &[u8], usage| {
        device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: None,
            contents,
            usage,
        })
    };
    let inputs: Vec<wgpu::Buffer> = inputs
        .iter()
        .map(|input| buffer(input, BufferUsages::STORAGE))
        .collect();
    let poison = vec![POISON; bytes.div_ceil(4)];
    let mut before: Vec<u8> = bytemuck::cast_slice(&poison).to_vec();
    before[..held.len()].copy_from_slice(held);
    let y = buffer(&before, BufferUsages::STORAGE | BufferUsages::COPY_SRC);
    let back = buffer(
        bytemuck::cast_slice(&poison),
        BufferUsages::MAP_READ | BufferUsages::COPY_DST,
    );
    let mut encoder = device.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    encode(&mut pass, &inputs, y.slice(..));
    drop(pass);
    encoder.copy_buffer_to_buffer(&y, 0, &back, 0, y.size());
    gpu.queue().submit([encoder.finish()]);
    back.slice(..).map_async(wgpu::MapMode::Read, |r| r.unwrap());
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let mut read = back.slice(..).get_mapped_range().unwrap().to_vec();
    read.truncate(bytes);
    read
}

//! What it costs a processor to prepare products and to record them: `cargo bench --bench recording`.
//!
//! The products are those of a model of 7 billion weights: 32 layers of four matrices of 4096 x 4096, two of 11008 x
//! 4096, one of 4096 x 11008, in Q4_0, each for any number of rows up to 512. Products of one shape share their packed
//! weights here, which changes nothing of what is measured. Nothing is submitted.

use lowbit::{Bound, DeviceClass, Format, Gpu, MatMul, Matrix, Precision, Weights, testing, wgpu};
use std::time::Instant;

const LAYERS: usize = 32;

/// n and k, and how many of them a layer has.
const SHAPES: [(usize, usize, usize); 3] = [(4096, 4096, 4), (11008, 4096, 2), (4096, 11008, 1)];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // Criterion's rule: without `--bench` this is `cargo test --benches`.
    let test = arguments.iter().any(|a| a == "--test") || !arguments.iter().any(|a| a == "--bench");
    let (m, divisor) = if test { (4, 32) } else { (512, 1) };
    let gpu = match Gpu::new() {
        Ok(gpu) => gpu,
        Err(why) => return eprintln!("nothing to record on, there is no adapter: {why}"),
    };
    println!("{gpu:?}, up to {m} rows");
    report(&gpu, m, divisor);
    // On a software driver the kernels of cards too: more rungs, slices.
    if gpu.class() == DeviceClass::Cpu && !test {
        report(&gpu.with_class(DeviceClass::Gpu), m, divisor);
    }
}

fn report(gpu: &Gpu, m: usize, divisor: usize) {
    let weights = SHAPES.map(|(n, k, _)| zeros(gpu, n / divisor, (k / divisor).next_multiple_of(32)));
    for precision in [Precision::F32, Precision::I8] {
        println!("{precision:?}, kernels of class {:?}", gpu.class());
        let build = |weights| {
            let builder = MatMul::builder(gpu, weights, m).precision(precision);
            builder.each_m().build().expect("a product for each m")
        };
        let start = Instant::now();
        let compiled = weights.each_ref().map(build);
        println!(
            "  kernels of three shapes compiled: {:.0} ms",
            1e3 * start.elapsed().as_secs_f64()
        );

        let start = Instant::now();
        let layer = || {
            SHAPES
                .iter()
                .zip(&weights)
                .flat_map(|((.., count), w)| std::iter::repeat_n(w, *count))
        };
        let products: Vec<MatMul> = (0..LAYERS).flat_map(|_| layer()).map(build).collect();
        let prepared = start.elapsed().as_secs_f64();
        println!("  {} products prepared: {:.1} ms", products.len(), 1e3 * prepared);

        let mut rounded: Vec<&wgpu::Buffer> = Vec::new();
        for buffer in products.iter().filter_map(testing::rounded) {
            if !rounded.contains(&buffer) {
                rounded.push(buffer);
            }
        }
        let bytes: u64 = rounded.iter().map(|buffer| buffer.size()).sum();
        println!("  rounded inputs: {:.1} MiB", bytes as f64 / (1 << 20) as f64);

        let product = &compiled[0];
        let buffer = |columns: usize| storage(gpu, (4 * m * columns) as u64);
        let (x, y) = (buffer(product.weights().k()), buffer(product.weights().n()));
        let bound = product.bind(x.slice(..), y.slice(..), &[]).expect("bound");
        for (what, micros) in [
            ("bound", new_m(gpu, m, |pass, rows| record(&bound, pass, rows))),
            (
                "looked up",
                new_m(gpu, m, |pass, rows| {
                    product
                        .encode_rows(pass, x.slice(..), y.slice(..), rows)
                        .expect("recorded");
                }),
            ),
        ] {
            let at = |share: usize| micros[(micros.len() - 1) * share / 100];
            println!(
                "  a new m, {what}: median {:.2} us, mean {:.2}, 99 of 100 under {:.2}",
                at(50),
                micros.iter().sum::<f64>() / micros.len() as f64,
                at(99)
            );
        }
    }
}

fn record(bound: &Bound, pass: &mut wgpu::ComputePass, rows: usize) {
    bound.encode_rows(pass, rows).expect("recorded");
}

/// Microseconds of the first recording of each number of rows, from fewest to most.
fn new_m(gpu: &Gpu, most: usize, record: impl Fn(&mut wgpu::ComputePass, usize)) -> Vec<f64> {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    // A step that shares no factor with the number of rows visits each once, in no order.
    let rows = (0..most).map(|i| (i * 211) % most + 1);
    let mut micros: Vec<f64> = rows
        .map(|rows| {
            let start = Instant::now();
            record(&mut pass, rows);
            1e6 * start.elapsed().as_secs_f64()
        })
        .collect();
    micros.sort_by(f64::total_cmp);
    micros
}

fn zeros(gpu: &Gpu, n: usize, k: usize) -> Weights {
    let bytes = vec![0; n * k / 32 * 18];
    let matrix = Matrix::from_bytes(Format::Q4_0, n, k, bytes).expect("zeros");
    gpu.upload(&matrix).expect("uploaded")
}

fn storage(gpu: &Gpu, size: u64) -> wgpu::Buffer {
    gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size,
        usage: wgpu::BufferUsages::STORAGE,
        mapped_at_creation: false,
    })
}

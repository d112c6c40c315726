//! Times products on this device and draws them: speed by format for one vector, and by m for a few formats.
//!
//! `cargo run --release --example speed -- --out speed.svg`, with `--n` and `--k` for another shape.

#[path = "../pipe/mod.rs"]
mod pipe;
// Each example draws some of its panels.
#[allow(dead_code)]
#[path = "../plot/mod.rs"]
mod plot;

use clap::Parser;
use lowbit::wgpu::{self, BufferUsages};
use lowbit::{Dense, Error, Format, Gpu, MatMul, Matrix, Precision};
use plot::Panel;
use plot::bars::Bars;
use plot::lines::Lines;
use std::time::{Duration, Instant};

/// Times products on this device and draws them.
#[derive(Parser)]
struct Arguments {
    /// Rows of weights.
    #[arg(long, default_value_t = 2048)]
    n: usize,
    /// Weights in a row, a multiple of 256.
    #[arg(long, default_value_t = 2048)]
    k: usize,
    /// The file to draw into.
    #[arg(long, default_value = "speed.svg")]
    out: std::path::PathBuf,
}

/// The formats drawn by m.
const LINES: [Format; 4] = [Format::Q4_0, Format::Q4_K, Format::Q8_0, Format::F16];
const ROWS: [usize; 8] = [1, 2, 3, 4, 8, 16, 32, 64];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    pipe::end_with_the_reader();
    env_logger::init();
    let Arguments { n, k, out } = Arguments::parse();
    let gpu = Gpu::new()?;
    println!("{gpu:?}: {n} x {k}, f32 inputs, median of 5");
    let mut bars = Vec::new();
    for &format in Format::ALL {
        match product(&gpu, format, n, k, 1)? {
            Some((kernel, seconds)) => {
                let gflops = 2e-9 * (n * k) as f64 / seconds;
                let bits = format.bits_per_weight();
                println!("{format}: {gflops:.2} GFLOP/s by {kernel}, {bits} bits a weight");
                bars.push((format.to_string(), gflops));
            }
            None => println!("{format}: not timed, lowbit has no quantizer for it"),
        }
    }
    let mut lines = Vec::new();
    for format in LINES {
        let mut points = Vec::new();
        for m in ROWS {
            let (kernel, seconds) = product(&gpu, format, n, k, m)?.expect("it has a quantizer");
            let gflops = 2e-9 * (n * k * m) as f64 / seconds;
            println!("{format}, m = {m}: {gflops:.2} GFLOP/s by {kernel}");
            points.push((m as f64, gflops));
        }
        lines.push((format.to_string(), points));
    }
    let info = gpu.info();
    let title = format!("{} ({}), {n} x {k}", info.name, info.driver_info);
    let panels = [
        Panel::Bars(Bars {
            title: "m = 1, by format".into(),
            value: "GFLOP/s".into(),
            bars,
        }),
        Panel::Lines(Lines {
            title: "by rows of inputs".into(),
            x: "m".into(),
            y: "GFLOP/s".into(),
            lines,
        }),
    ];
    std::fs::write(&out, plot::svg(&title, &panels)?.0)?;
    println!("drawn in {}", out.display());
    Ok(())
}

/// The kernel that lowbit chooses, and the median time of one product.
fn product(gpu: &Gpu, format: Format, n: usize, k: usize, m: usize) -> lowbit::Result<Option<(String, f64)>> {
    // A few rows, repeated: the time does not depend on the weights.
    let distinct = 8;
    let floats: Vec<f32> = (0..distinct * k)
        .map(|i| ((i * 7919 % 2003) as f32 / 1001.0 - 1.0) * 0.1)
        .collect();
    let few = match Dense::new(distinct, k, &floats).and_then(|w| Matrix::quantize(format, w)) {
        Err(Error::NoEncoder { .. }) => return Ok(None),
        few => few?,
    };
    let bytes: Vec<u8> = few
        .bytes()
        .iter()
        .copied()
        .cycle()
        .take(n * few.bytes().len() / distinct)
        .collect();
    let weights = gpu.upload(&Matrix::from_bytes(format, n, k, bytes)?)?;
    let product = MatMul::new(gpu, &weights, m, Precision::F32)?;
    let buffer = |floats: usize| {
        gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 4 * floats as u64,
            usage: BufferUsages::STORAGE,
            mapped_at_creation: false,
        })
    };
    let (x, y) = (buffer(m * k), buffer(m * n));
    let run = |count: u32| -> lowbit::Result<Duration> {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for _ in 0..count {
            product.encode(&mut pass, x.slice(..), y.slice(..))?;
        }
        drop(pass);
        let start = Instant::now();
        gpu.queue().submit([encoder.finish()]);
        let waited = gpu.device().poll(wgpu::PollType::wait_indefinitely());
        waited.map_err(|e| Error::DeviceLost(e.to_string()))?;
        Ok(start.elapsed() / count)
    };
    run(1)?;
    let count = (0.02 / run(1)?.as_secs_f64().max(1e-6)).clamp(1.0, 200.0) as u32;
    let mut times = (0..5).map(|_| run(count)).collect::<lowbit::Result<Vec<_>>>()?;
    times.sort();
    Ok(Some((product.kernel().to_string(), times[2].as_secs_f64())))
}

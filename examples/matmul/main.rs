//! Packs a matrix in every format, multiplies by it, and prints the bits, errors and time of each format.
//! A layer that another tool packed is multiplied in its own format.
//!
//!     cargo run --release --example matmul -- --help
//!
//! The exit status is 1 where a product differs from its f64 oracle by more than rounding explains.

mod gguf;
mod inputs;
mod measure;
// Each example uses a part of it.
#[allow(dead_code)]
#[path = "../model/mod.rs"]
mod model;
mod npy;
mod oracle;
mod picture;
#[path = "../pipe/mod.rs"]
mod pipe;
// Each example draws some of its panels.
#[allow(dead_code)]
#[path = "../plot/mod.rs"]
mod plot;
mod readback;
mod table;
mod timing;
mod unpacked;
mod weights;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use lowbit::wgpu::DeviceType;
use lowbit::{Dense, Error, Format, Gpu, Linear, Matrix};
use measure::Subject;
use std::path::PathBuf;
use std::process::ExitCode;
use weights::Weights;

pub use model::Fallible;

/// Packs a matrix in every format and multiplies by it.
#[derive(Parser)]
struct Args {
    /// A .npy matrix of f32 or f16, [outputs, inputs]; a tensor of a GGUF file, as FILE.gguf:TENSOR; or a
    /// layer of a safetensors file or folder, as FOLDER:LAYER, the first if none is named. Default: a
    /// layer of all-MiniLM-L6-v2
    #[arg(long, value_name = "FILE[:NAME]")]
    weights: Option<PathBuf>,
    /// Rows of inputs
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    m: u32,
    /// A format, with or without a group (q4_k, int4_g128, int8_row); may be repeated. Without it, packed
    /// weights are multiplied in their own format; with it, they are decoded and repacked
    #[arg(long = "format", value_name = "NAME")]
    formats: Vec<Format>,
    /// Only the first N rows of the matrix
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rows: Option<u64>,
    /// Draws errors and times by format into FILE
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

fn main() -> ExitCode {
    pipe::end_with_the_reader();
    env_logger::init();
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(2)
        }
    }
}

/// Whether every product is right.
fn run(args: &Args) -> Fallible<bool> {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/minilm_ffn_out.npy");
    let path = args.weights.clone().unwrap_or(shipped.into());
    // Packed weights keep their format unless the arguments ask for others.
    let anew = args.rows.is_some() || !args.formats.is_empty();
    let (name, weights) = weights::read(&path, anew)?;
    let mut dense = match weights {
        Weights::Dense(dense) => dense,
        Weights::Packed(linear) => return run_layer(&name, &linear, args.m as usize),
    };
    if let Some(rows) = args.rows {
        dense.n = dense.n.min(usize::try_from(rows)?);
        dense.weights.truncate(dense.n * dense.k);
    }
    let (n, k, m) = (dense.n, dense.k, args.m as usize);
    println!("{name}: n = {n} outputs, k = {k} inputs, m = {m} rows of inputs");

    let gpu = device()?;
    let (packed, left_out) = pack(&dense, &args.formats);
    let x = inputs::normal(1, m * k);
    let right = oracle::Product::new(&x, &dense.weights, k);
    let subject = Subject { dense, x, right };
    let mut rows = Vec::new();
    match &gpu {
        None => {
            for matrix in &packed {
                rows.push(subject.on_cpu(matrix)?);
            }
            println!("{}", table::render(&rows, "CPU against f64", "wall clock", None));
        }
        Some(gpu) => {
            let clock = subject.clock(gpu)?;
            match unpacked::fits(gpu, &subject.dense, m) {
                Ok(()) => rows.push(subject.unpacked(gpu, &clock)?),
                Err(why) => println!("left out: f32: {why}"),
            }
            let time = rows.first().map(|r| r.seconds);
            for matrix in &packed {
                rows.push(subject.on_gpu(gpu, &clock, matrix)?);
            }
            println!("{}", table::render(&rows, "GPU against CPU", clock.name(), time));
        }
    }
    for (format, error) in &left_out {
        // Formats without an encoder are only read from files of other tools, so they are not reported.
        if !matches!(error, Error::NoEncoder { .. }) {
            println!("left out: {format}: {error}");
        }
    }
    if let Some(path) = &args.svg {
        let title = format!("{name}: n = {n}, k = {k}, m = {m}");
        std::fs::write(path, picture::svg(&title, &rows)?)?;
        println!("drawn in {}", path.display());
    }
    let count = packed.len();
    if count == 0 {
        println!("No format holds this matrix.");
        return Ok(false);
    }
    let f32 = if rows.len() > count { " and f32" } else { "" };
    Ok(sum_up(&rows, &format!("{count} formats{f32}")))
}

/// Whether the product of a packed layer is right, on the device and on the processor.
fn run_layer(name: &str, linear: &Linear, m: usize) -> Fallible<bool> {
    let (n, k, format) = (linear.n(), linear.k(), linear.matrix().format());
    let note = match model::checkpoint::note(linear) {
        note if note.is_empty() => format!("{format} as it is"),
        note => format!("{format} as it is, with {note}"),
    };
    println!("{name}: {note}; n = {n} outputs, k = {k} inputs, m = {m} rows of inputs");
    let gpu = device()?;
    let weights = linear.dequantize();
    let dense = npy::Dense { n, k, weights };
    let x = inputs::normal(1, m * k);
    let right = oracle::Product::new(&x, &dense.weights, k);
    let subject = Subject { dense, x, right };
    let mut rows = Vec::new();
    let (mut clock_name, mut time) = ("wall clock".to_owned(), None);
    if let Some(gpu) = &gpu {
        let clock = subject.clock(gpu)?;
        clock_name = format!("{}; CPU: wall", clock.name());
        match unpacked::fits(gpu, &subject.dense, m) {
            Ok(()) => rows.push(subject.unpacked(gpu, &clock)?),
            Err(why) => println!("left out: f32: {why}"),
        }
        time = rows.first().map(|r| r.seconds);
        rows.push(subject.linear_on_gpu(gpu, &clock, linear)?);
    }
    rows.push(subject.linear_on_cpu(linear)?);
    println!("{}", table::render(&rows, "against f64", &clock_name, time));
    Ok(sum_up(&rows, &format!("{} products", rows.len())))
}

/// The device, described on standard output. None is not an error: the processor multiplies instead.
fn device() -> Fallible<Option<Gpu>> {
    let gpu = match Gpu::new() {
        Ok(gpu) => gpu,
        Err(e @ Error::NoAdapter(_)) => {
            println!("{e}\nMultiplying on the processor instead.");
            return Ok(None);
        }
        Err(e) => return Err(e.into()),
    };
    let info = gpu.info();
    let kind = match info.device_type {
        DeviceType::DiscreteGpu => "discrete GPU",
        DeviceType::IntegratedGpu => "integrated GPU",
        DeviceType::VirtualGpu => "virtual GPU",
        DeviceType::Cpu => "software adapter",
        DeviceType::Other => "kind unknown",
    };
    let (driver, version) = (&info.driver, &info.driver_info);
    println!("{}: {kind}, {}, driver {driver} {version}", info.name, info.backend);
    if info.device_type == DeviceType::Cpu {
        println!("It runs on the processor: results are valid, times say nothing about a GPU.");
    } else {
        println!("Each product is timed over and over: a small matrix stays in the GPU's cache.");
    }
    Ok(Some(gpu))
}

/// The matrix in each format, and the formats that cannot hold it, with the reason.
fn pack(dense: &npy::Dense, wanted: &[Format]) -> (Vec<Matrix<'static>>, Vec<(Format, Error)>) {
    let formats = if wanted.is_empty() { Format::ALL } else { wanted };
    let bar = ProgressBar::new(formats.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("packing {msg:10} {wide_bar} {pos}/{len}") {
        bar.set_style(style);
    }
    let (mut packed, mut left_out) = (Vec::new(), Vec::new());
    for &format in formats {
        bar.set_message(format.to_string());
        match Dense::new(dense.n, dense.k, &dense.weights).and_then(|w| Matrix::quantize(format, w)) {
            Ok(matrix) => packed.push(matrix),
            Err(error) => left_out.push((format, error)),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    (packed, left_out)
}

fn sum_up(rows: &[table::Row], what: &str) -> bool {
    let wrong: Vec<&str> = rows.iter().filter(|r| !r.ok()).map(|r| r.name.as_str()).collect();
    let distance = format!("{} · eps · Σ|x·w| of the f64 product", oracle::BOUND);
    match wrong[..] {
        [] => println!("{what}: all within {distance}."),
        _ => println!("FAIL: of {what}, not within {distance}: {}", wrong.join(", ")),
    }
    wrong.is_empty()
}

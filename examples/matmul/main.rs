//! Packs a matrix in every format, multiplies by it, and prints what each format costs and gives.
//!
//!     cargo run --release --example matmul -- --help
//!
//! The exit status is 1 where any product is further from its f64 oracle than rounding explains.

mod gguf;
mod inputs;
mod measure;
mod npy;
mod oracle;
mod readback;
mod table;
mod timing;
mod unpacked;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use lowbit::wgpu::DeviceType;
use lowbit::{Error, Format, Gpu, Matrix};
use measure::Subject;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// Packs a matrix in every format and multiplies by it.
#[derive(Parser)]
struct Args {
    /// A .npy matrix of f32 or f16, [outputs, inputs], or one tensor of a GGUF file, as
    /// FILE.gguf:TENSOR; a layer of all-MiniLM-L6-v2 if none is given
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Rows of inputs
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    m: u32,
    /// A format, with or without a group (q4_k, int4_g128, int8_row); may be repeated
    #[arg(long = "format", value_name = "NAME")]
    formats: Vec<Format>,
    /// Only the first N rows of the matrix
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rows: Option<u64>,
}

fn main() -> ExitCode {
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
    let shipped = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/data/minilm_ffn_out.npy"
    );
    let path = args.weights.clone().unwrap_or(shipped.into());
    let mut dense = read(&path)?;
    if let Some(rows) = args.rows {
        dense.n = dense.n.min(usize::try_from(rows)?);
        dense.weights.truncate(dense.n * dense.k);
    }
    let (n, k, m) = (dense.n, dense.k, args.m as usize);
    let here = std::env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(here).unwrap_or(&path);
    println!(
        "{}: n = {n} outputs, k = {k} inputs, m = {m} rows of inputs",
        path.display()
    );

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
            println!(
                "{}",
                table::render(&rows, "CPU against f64", "wall clock", None)
            );
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
            println!(
                "{}",
                table::render(&rows, "GPU against CPU", clock.name(), time)
            );
        }
    }
    for (format, error) in &left_out {
        println!("left out: {format}: {error}");
    }
    Ok(sum_up(&rows, packed.len()))
}

/// The matrix that `--weights` names.
fn read(weights: &Path) -> Fallible<npy::Dense> {
    let (path, tensor) = gguf::split(weights);
    let named = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let bytes = std::fs::read(&path).map_err(|e| named(&e))?;
    let dense = match gguf::is_gguf(&bytes) {
        true => gguf::read(&bytes, tensor.as_deref()),
        false => npy::parse(&bytes),
    };
    dense.map_err(|e| named(&e).into())
}

/// The device, described on standard output; none is no error, the processor does as well.
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
    println!(
        "{}: {kind}, {}, driver {driver} {version}",
        info.name, info.backend
    );
    if info.device_type == DeviceType::Cpu {
        println!("It runs on the processor: results are valid, times say nothing about a GPU.");
    } else {
        println!("Each product is timed over and over: a small matrix stays in the GPU's cache.");
    }
    Ok(Some(gpu))
}

/// The matrix in each format, and the formats that cannot hold it, with the reason.
fn pack(dense: &npy::Dense, wanted: &[Format]) -> (Vec<Matrix<'static>>, Vec<(Format, Error)>) {
    let formats = if wanted.is_empty() {
        Format::ALL
    } else {
        wanted
    };
    let bar = ProgressBar::new(formats.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("packing {msg:10} {wide_bar} {pos}/{len}") {
        bar.set_style(style);
    }
    let (mut packed, mut left_out) = (Vec::new(), Vec::new());
    for &format in formats {
        bar.set_message(format.to_string());
        match Matrix::quantize(format, dense.n, dense.k, &dense.weights) {
            Ok(matrix) => packed.push(matrix),
            Err(error) => left_out.push((format, error)),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    (packed, left_out)
}

fn sum_up(rows: &[table::Row], formats: usize) -> bool {
    let wrong: Vec<&str> = rows
        .iter()
        .filter(|r| !r.ok())
        .map(|r| r.name.as_str())
        .collect();
    let distance = format!("{} · eps · Σ|x·w| of the f64 product", oracle::BOUND);
    let f32 = if rows.len() > formats { " and f32" } else { "" };
    match formats {
        0 => println!("No format holds this matrix."),
        _ if wrong.is_empty() => println!("{formats} formats{f32}: all within {distance}."),
        _ => println!(
            "FAIL: of {formats} formats{f32}, not within {distance}: {}",
            wrong.join(", ")
        ),
    }
    wrong.is_empty() && formats > 0
}

//! Lists the tensors of a model, with formats, shapes and sizes, and decodes one of them.
//!
//!     cargo run --release --example inspect -- FILE_OR_FOLDER
//!     cargo run --release --example inspect -- FILE --dequantize NAME OUT.f32 --gpu

// Either example uses a part of it.
#[allow(dead_code)]
#[path = "../model/mod.rs"]
mod model;

use clap::Parser;
use comfy_table::{presets, CellAlignment, Table};
use indicatif::{ProgressBar, ProgressStyle};
use lowbit::{Format, Gpu};
use model::{Fallible, Files, Model, Tensor};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Lists the tensors of a model, or decodes one of them.
#[derive(Parser)]
struct Args {
    /// A GGUF file (any part of several), a safetensors file, or a folder with either
    model: PathBuf,
    /// Writes a tensor as little-endian f32, row after row
    #[arg(long, num_args = 2, value_names = ["NAME", "OUT.f32"])]
    dequantize: Option<Vec<String>>,
    /// Decodes on the GPU
    #[arg(long, requires = "dequantize")]
    gpu: bool,
    /// Decodes on the processor, as without --gpu
    #[arg(long, requires = "dequantize", conflicts_with = "gpu")]
    cpu: bool,
    /// Only tensors with this in their name
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Also the keys
    #[arg(long)]
    keys: bool,
}

fn main() -> ExitCode {
    env_logger::init();
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Fallible<()> {
    let files = Files::open(&args.model)?;
    let model = files.parse()?;
    if let Some([name, out]) = args.dequantize.as_deref() {
        return dequantize(model.tensor(name)?, out, args.gpu);
    }
    if args.keys {
        for (key, value) in &model.metadata {
            let text = format!("{value:?}");
            let short: String = text.chars().take(100).collect();
            println!("{key} = {short}");
        }
    }
    let tensors: Vec<_> = model
        .tensors
        .iter()
        .filter(|t| t.name.contains(&args.only))
        .collect();
    println!("{}", list(&tensors));
    println!("{}", totals(&tensors));
    println!("{}", summary(&model, &files));
    Ok(())
}

fn dequantize(tensor: &Tensor, out: &str, gpu: bool) -> Fallible<()> {
    let bar = ProgressBar::new_spinner();
    bar.set_message(format!("decoding {}", tensor.name));
    let numbers = match gpu {
        true => tensor.to_f32_on(&Gpu::new()?)?,
        false => tensor.to_f32()?,
    };
    let named = |e: std::io::Error| format!("{out}: {e}");
    let mut file = BufWriter::new(std::fs::File::create(out).map_err(named)?);
    bar.set_length(numbers.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
        bar.set_style(style);
    }
    for run in numbers.chunks(1 << 16) {
        let bytes: Vec<u8> = run.iter().flat_map(|v| v.to_le_bytes()).collect();
        file.write_all(&bytes).map_err(named)?;
        bar.inc(run.len() as u64);
    }
    file.flush().map_err(named)?;
    bar.finish_and_clear();
    println!(
        "{out}: {} rows of {} floats out of {} ({}), decoded on the {}",
        tensor.rows(),
        tensor.dims.first().unwrap_or(&1),
        tensor.name,
        tensor.kind.name,
        if gpu { "GPU" } else { "processor" }
    );
    Ok(())
}

fn table(header: &[&str], numbers_from: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    for column in table.column_iter_mut().skip(numbers_from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn list(tensors: &[&Tensor]) -> Table {
    let mut table = table(
        &[
            "tensor",
            "format",
            "shape, k first",
            "bytes",
            "bits per\nweight",
        ],
        2,
    );
    for t in tensors {
        let shape: Vec<String> = t.dims.iter().map(u64::to_string).collect();
        let bytes = t.data.len() as u64;
        table.add_row([
            t.name.clone(),
            t.kind.name.to_owned(),
            shape.join(" x "),
            bytes.to_string(),
            bits(bytes, t.count()),
        ]);
    }
    table
}

/// By format, with what lowbit can do with it.
fn totals(tensors: &[&Tensor]) -> Table {
    let mut by_kind: BTreeMap<u32, (&str, u64, u64, u64)> = BTreeMap::new();
    for t in tensors {
        let total = by_kind.entry(t.kind.id).or_insert((t.kind.name, 0, 0, 0));
        total.1 += 1;
        total.2 += t.count();
        total.3 += t.data.len() as u64;
    }
    let header = [
        "format",
        "lowbit",
        "tensors",
        "weights",
        "bytes",
        "bits per\nweight",
    ];
    let mut table = table(&header, 2);
    for (id, (name, tensors, weights, bytes)) in by_kind {
        let does = match Format::from_gguf(id) {
            Some(_) => "multiplies",
            None if lowbit::gguf::TensorType::from_id(id).is_some_and(|t| !t.is_packed()) => {
                "reads"
            }
            None => "-",
        };
        table.add_row([
            name.to_owned(),
            does.to_owned(),
            tensors.to_string(),
            weights.to_string(),
            bytes.to_string(),
            bits(bytes, weights),
        ]);
    }
    table
}

fn summary(model: &Model, files: &Files) -> String {
    let weights = model.tensors.iter().map(Tensor::count).sum();
    let bytes = model.tensors.iter().map(|t| t.data.len() as u64).sum();
    let parts = model.gguf.as_ref().map_or(1, |split| split.parts().len());
    format!(
        "{}: {} tensors, {weights} weights in {bytes} bytes, {} bits each; {} keys; {} bytes in {parts} part(s)",
        model.kind,
        model.tensors.len(),
        bits(bytes, weights),
        model.metadata.len(),
        files.len(),
    )
}

fn bits(bytes: u64, weights: u64) -> String {
    format!("{:.3}", 8.0 * bytes as f64 / weights.max(1) as f64)
}

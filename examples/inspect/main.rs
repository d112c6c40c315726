//! Lists the tensors of a model, with formats, shapes and sizes, and decodes one of them. Layers that
//! other tools packed in safetensors are listed in the format that lowbit reads them as.
//!
//!     cargo run --release --example inspect -- FILE_OR_FOLDER
//!     cargo run --release --example inspect -- FILE --dequantize NAME OUT.f32 --gpu

mod list;
// Each example uses a part of it.
#[allow(dead_code)]
#[path = "../model/mod.rs"]
mod model;
#[path = "../pipe/mod.rs"]
mod pipe;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use list::Row;
use lowbit::Gpu;
use model::checkpoint::{Found, effective};
use model::{Fallible, Files, Model};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Lists the tensors and packed layers of a model, or decodes one of them.
#[derive(Parser)]
struct Args {
    /// A GGUF file (any part of several), a safetensors file, or a folder with either
    model: PathBuf,
    /// Writes a tensor, or a packed layer's effective weights, as little-endian f32, row after row
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
    /// Lists the keys too
    #[arg(long)]
    keys: bool,
}

fn main() -> ExitCode {
    pipe::end_with_the_reader();
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
        let gpu = args.gpu.then(Gpu::new).transpose()?;
        return write(&decode(&model, name, gpu.as_ref())?, out, args.gpu);
    }
    if args.keys {
        for (key, value) in &model.metadata {
            let text = format!("{value:?}");
            let short: String = text.chars().take(100).collect();
            println!("{key} = {short}");
        }
    }
    let (rows, failed, shape) = match &model.checkpoint {
        Some(checkpoint) => {
            println!("safetensors, quantized by {}", checkpoint.method());
            let (rows, failed) = list::of_checkpoint(checkpoint, &args.only);
            (rows, failed, "shape, n x k")
        }
        None => {
            let tensors = model.tensors.iter();
            let tensors = tensors.filter(|t| t.name.contains(&args.only));
            let rows = tensors.map(|t| Row::of_tensor(t, model.gguf.as_ref()));
            let rows = rows.collect();
            (rows, Vec::new(), "shape, k first")
        }
    };
    println!("{}", list::list(&rows, shape));
    println!("{}", list::totals(&rows));
    println!("{}", summary(&model, &rows, &files));
    match failed.len() {
        0 => Ok(()),
        count => Err(format!("{count} layers cannot be read:\n  {}", failed.join("\n  ")).into()),
    }
}

/// Weights, and their source.
struct Decoded {
    numbers: Vec<f32>,
    rows: u64,
    k: u64,
    from: String,
}

fn decode(model: &Model, name: &str, gpu: Option<&Gpu>) -> Fallible<Decoded> {
    let bar = ProgressBar::new_spinner();
    bar.set_message(format!("decoding {name}"));
    if let Some(checkpoint) = &model.checkpoint {
        return Ok(match checkpoint.find(name)? {
            Found::Layer(linear) => Decoded {
                numbers: effective(&linear, gpu)?,
                rows: linear.n() as u64,
                k: linear.k() as u64,
                from: format!("{name} ({})", linear.matrix().format()),
            },
            Found::Floats(numbers, shape) => {
                let k = shape.last().map_or(1, |&k| k as u64);
                let rows = numbers.len() as u64 / k.max(1);
                let from = name.to_owned();
                Decoded { numbers, rows, k, from }
            }
        });
    }
    let tensor = model.tensor(name)?;
    Ok(Decoded {
        numbers: match (&model.gguf, gpu) {
            // With the factors that may be stored next to them.
            (Some(file), Some(gpu)) if tensor.kind.is_packed() => effective(&file.linear(name)?, Some(gpu))?,
            (Some(file), _) => file.to_f32(name)?,
            (None, Some(gpu)) => tensor.to_f32_on(gpu)?,
            (None, None) => tensor.to_f32()?,
        },
        rows: tensor.rows(),
        k: tensor.dims.first().copied().unwrap_or(1),
        from: format!("{} ({})", tensor.name, tensor.kind.name),
    })
}

fn write(decoded: &Decoded, out: &str, gpu: bool) -> Fallible<()> {
    let Decoded { rows, k, from, .. } = decoded;
    let named = |e: std::io::Error| format!("{out}: {e}");
    let mut file = BufWriter::new(std::fs::File::create(out).map_err(named)?);
    let runs: Vec<&[f32]> = decoded.numbers.chunks(1 << 16).collect();
    for run in progress(runs, "writing") {
        let bytes: Vec<u8> = run.iter().flat_map(|v| v.to_le_bytes()).collect();
        file.write_all(&bytes).map_err(named)?;
    }
    file.flush().map_err(named)?;
    let by = if gpu { "GPU" } else { "processor" };
    println!("{out}: {rows} rows of {k} floats from {from}, decoded on the {by}");
    Ok(())
}

/// The items, with a progress bar that disappears after the last.
fn progress<T>(items: Vec<T>, what: &'static str) -> impl Iterator<Item = T> {
    let bar = ProgressBar::new(items.len() as u64).with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
        bar.set_style(style);
    }
    bar.with_finish(indicatif::ProgressFinish::AndClear)
        .wrap_iter(items.into_iter())
}

fn summary(model: &Model, rows: &[Row], files: &Files) -> String {
    let weights = rows.iter().map(|row| row.weights).sum();
    let bytes = rows.iter().map(|row| row.bytes).sum();
    let held = format!(
        "{weights} weights in {bytes} bytes, {} bits each",
        list::bits(bytes, weights)
    );
    if let Some(checkpoint) = &model.checkpoint {
        let (all, layers) = (checkpoint.tensor_count(), checkpoint.packed().len());
        let size = files.len();
        return format!("safetensors: {all} tensors with {layers} packed layers, {held}; {size} bytes in files");
    }
    let parts = model.gguf.as_ref().map_or(1, |split| split.parts().len());
    format!(
        "{}: {} tensors, {held}; {} keys; {} bytes in {parts} part(s)",
        model.kind,
        rows.len(),
        model.metadata.len(),
        files.len(),
    )
}

//! Quantizes a model by one of llama.cpp's presets: GGUF or safetensors in, GGUF out, tensor by tensor.
//!
//!     scripts/fetch_models stories15M
//!     cargo run --release --example quantize -- models/stories15M/stories15M.f32.gguf \
//!         target/stories15M.Q4_K_M.gguf --preset Q4_K_M
//!
//! With a method that reads texts, for models that examples/llama runs:
//!
//!     scripts/fetch_models stories
//!     cargo run --release --example quantize -- models/stories15M/stories15M.f32.gguf \
//!         target/stories15M.Q4_0.gguf --preset Q4_0 --method gptq --calibration models/stories/race.jsonl

mod encode;
mod imatrix;
// Each example uses a part of them.
#[allow(dead_code)]
#[path = "../llama/mod.rs"]
mod llama;
mod method;
#[allow(dead_code)]
#[path = "../model/mod.rs"]
mod model;
mod names;
mod plan;
mod summary;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use llama::methods::Method;
use lowbit::calibrate::allocate::Assignment;
use lowbit::gguf::{part_name, Preset, TensorType, Writer};
use method::Runner;
use model::{Fallible, Files};
use plan::{Plan, Planned};
use regex::Regex;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Quantizes a model by one of llama.cpp's presets.
#[derive(Parser)]
struct Args {
    /// A GGUF file, a safetensors file, or a folder with either, of f32, f16 or bf16
    input: PathBuf,
    /// The GGUF file to write; a stem of names with --part-bytes
    output: PathBuf,
    /// Q4_K_M, Q8_0, IQ4_XS, ...
    #[arg(long, value_parser = preset)]
    preset: Preset,
    /// Importance weights, from llama.cpp's llama-imatrix
    #[arg(long, value_name = "FILE")]
    imatrix: Option<PathBuf>,
    /// Tensors whose name matches get this type instead, as in 'ffn_down=Q6_K'; may be repeated,
    /// and the first that matches counts
    #[arg(long, value_name = "REGEX=TYPE", value_parser = keep)]
    keep: Vec<(Regex, TensorType)>,
    /// How weights are chosen
    #[arg(long, value_enum, default_value = "rtn", conflicts_with = "imatrix")]
    method: Method,
    /// Texts that the method reads: .jsonl with a "text" in each line, or plain text
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// Leaves out so many of these texts, the first
    #[arg(long, value_name = "TEXTS", default_value_t = 0)]
    skip: usize,
    /// Tokens of a text that are read at most
    #[arg(long, value_name = "TOKENS", default_value_t = 255)]
    length: usize,
    /// Formats of tensors by name, NAME=FORMAT in each line, as the example compare writes them; others get what
    /// the preset says
    #[arg(long, value_name = "FILE", value_parser = assignment)]
    assignment: Option<Assignment>,
    /// Splits the model into files of at most this many bytes of data
    #[arg(long, value_name = "BYTES", default_value_t = u64::MAX, hide_default_value = true)]
    part_bytes: u64,
    /// Takes tensors that are quantized already: what they lost stays lost
    #[arg(long)]
    requantize: bool,
}

fn preset(name: &str) -> Result<Preset, String> {
    Preset::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Preset::ALL.iter().map(|p| p.name).collect();
        format!("known: {}", known.join(", "))
    })
}

fn keep(text: &str) -> Result<(Regex, TensorType), String> {
    let (pattern, kind) = text.rsplit_once('=').ok_or("wants REGEX=TYPE")?;
    let kind = TensorType::from_name(kind).ok_or(format!("no type {kind:?} in GGUF"))?;
    Ok((Regex::new(pattern).map_err(|e| e.to_string())?, kind))
}

fn assignment(path: &str) -> Result<Assignment, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    text.parse().map_err(|e: lowbit::Error| e.to_string())
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
    let start = Instant::now();
    let files = Files::open(&args.input)?;
    let model = files.parse()?;
    if let Some(checkpoint) = &model.checkpoint {
        let (input, method) = (args.input.display(), checkpoint.method());
        let count = checkpoint.packed().len();
        return Err(format!(
            "{input}: {count} layers are packed ({method}); this takes plain weights"
        )
        .into());
    }
    let importance = args.imatrix.as_deref().map(imatrix::read).transpose()?;
    let runner = Runner::of(args, &model)?;
    let mut plan = Plan::new(args, &files, model, importance)?;

    let bar = ProgressBar::new(plan.tensors.iter().map(|t| t.tensor.count()).sum());
    if let Ok(style) = ProgressStyle::with_template("{msg:30} {wide_bar} {percent} %  {eta} left") {
        bar.set_style(style);
    }
    if let Some(runner) = runner {
        let made = runner.make(args, &plan, &bar)?;
        plan.take(made);
    }
    let mut whole = Writer::new();
    for (key, value) in &plan.metadata {
        whole.metadata(key, value.clone())?;
    }
    for t in &plan.tensors {
        whole.declare(&t.tensor.name, &t.tensor.dims, t.kind.id)?;
    }
    let parts = whole.split(usize::MAX, args.part_bytes)?;
    let mut left = plan.tensors.iter();
    let mut written = Vec::new();
    for (no, part) in parts.iter().enumerate() {
        let path = match parts.len() {
            1 => args.output.clone(),
            count => named_part(&args.output, no, count),
        };
        // Under another name until it is whole: a file that is there can be trusted.
        let partial = path.with_added_extension("partial");
        let named = |e: std::io::Error| format!("{}: {e}", partial.display());
        let file = BufWriter::new(File::create(&partial).map_err(named)?);
        let mut tensors = left.by_ref().take(part.len());
        if let Err(e) = write_part(part, file, &mut tensors, &bar) {
            // It is of no use, and the error is the one to be told of.
            let _ = std::fs::remove_file(&partial);
            return Err(e);
        }
        std::fs::rename(&partial, &path).map_err(named)?;
        written.push(path);
    }
    bar.finish_and_clear();
    summary::print(&plan, &written, start.elapsed())
}

fn write_part<'a, 'p: 'a>(
    part: &Writer,
    file: BufWriter<File>,
    tensors: impl Iterator<Item = &'a Planned<'p>>,
    bar: &ProgressBar,
) -> Fallible<()> {
    let mut stream = part.stream(file)?;
    for t in tensors {
        bar.set_message(format!("{} to {}", t.tensor.name, t.kind.name));
        stream.tensor(&t.tensor.name, &t.bytes()?)?;
        bar.inc(t.tensor.count());
    }
    Ok(stream.finish()?)
}

fn named_part(output: &Path, no: usize, count: usize) -> PathBuf {
    let stem = output.with_extension("");
    PathBuf::from(part_name(&stem.to_string_lossy(), no, count))
}

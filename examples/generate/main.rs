//! Text by a model in a GGUF file, on the GPU or the processor: the whole of a forward pass by lowbit's parts.
//!
//!     scripts/fetch_models smollm2
//!     cargo run --release --example generate -- models/smollm2/*.gguf "The capital of France is"
//!
//! The prompt and what follows go to stdout as they come; sizes and speeds go to stderr.

mod compare;
mod cpu;
mod gpu;
mod layer;
#[path = "../pipe/mod.rs"]
mod pipe;
#[path = "../matmul/readback.rs"]
mod readback;
mod sample;
mod shape;
#[cfg(test)]
mod tests;
mod tokens;
mod weights;

use clap::{Parser, ValueEnum};
use compare::Both;
use cpu::Cpu;
use gpu::Device;
use lowbit::gguf::{Split, part_names};
use lowbit::kv::{AttentionOptions, KvType};
use lowbit::{Gpu, Precision};
use memmap2::Mmap;
use sample::{CANDIDATES, Candidate, Sampler};
use shape::Shape;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokens::{Text, Tokens};
use weights::Model;

pub type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// Continues a text by a llama, qwen2 or qwen3 model in GGUF.
#[derive(Parser)]
struct Args {
    /// A GGUF file; any part of several
    model: PathBuf,
    /// The text to continue
    prompt: String,
    /// The most tokens to make
    #[arg(long, default_value_t = 64)]
    tokens: usize,
    /// Chooses among the 40 best tokens by this temperature; 0 takes the best
    #[arg(long, default_value_t = 0.0, value_parser = temperature)]
    temperature: f32,
    /// The seed of that choice
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs on the processor
    #[arg(long)]
    cpu: bool,
    /// What inputs of products may be rounded to
    #[arg(long, value_enum, default_value_t = Rounding::F32)]
    precision: Rounding,
    /// How keys and values are packed
    #[arg(long, value_enum, default_value_t = Packing::F16)]
    kv: Packing,
    /// Runs on both and tells where logits differ most
    #[arg(long, conflicts_with = "cpu")]
    compare: bool,
    /// Tokens that there is room for; the prompt and --tokens by default, but no more than the model was trained on
    #[arg(long)]
    context: Option<usize>,
    /// Looks for NaN behind each layer
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Rounding {
    F32,
    F16,
    I8,
}

#[derive(Clone, Copy, ValueEnum)]
enum Packing {
    F16,
    #[value(name = "q8_0")]
    Q8_0,
    #[value(name = "q4_0")]
    Q4_0,
    /// TurboQuant with 4 bits
    Turbo4,
    /// TurboQuant with 3 bits
    Turbo3,
}

fn temperature(text: &str) -> Result<f32, String> {
    let got = text.parse::<f32>().ok().filter(|t| *t >= 0.0 && t.is_finite());
    got.ok_or_else(|| format!("should be 0 or more, got {text}"))
}

/// What both sides are told.
#[derive(Clone, Copy)]
pub struct Settings {
    precision: Precision,
    kv: KvType,
    context: usize,
    check: bool,
    /// Tokens to choose among.
    candidates: usize,
}

impl Settings {
    fn attention(&self, shape: &Shape) -> AttentionOptions {
        let options = AttentionOptions::new(shape.heads, shape.kv_heads, shape.key, self.kv, self.context);
        options.with_values(options.values.with_d(shape.value))
    }
}

/// A model that takes in tokens.
pub trait Run {
    /// Takes in tokens behind those before; returns the best of what may follow the last, best first.
    fn step(&mut self, tokens: &[u32]) -> Fallible<Vec<Candidate>>;

    /// The logits of all tokens after the last step.
    fn logits(&self) -> Fallible<Vec<f32>>;

    /// What it holds, in words.
    fn memory(&self) -> String;

    /// What is to be told at the end.
    fn report(&self) -> Option<String> {
        None
    }
}

/// What `--check` reports.
fn not_finite(layer: usize, position: usize) -> String {
    format!("numbers that are not finite begin in layer {layer}, in the tokens from position {position}")
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
    // Everything that can be wrong with the file or the prompt is found before anything is uploaded.
    let maps = open(&args.model)?;
    let parts: Vec<&[u8]> = maps.iter().map(|map| &map[..]).collect();
    let file = Split::parse(&parts).map_err(|e| format!("{}: {e}", args.model.display()))?;
    let model = Model::read(&file)?;
    let tokens = Tokens::read(&file, parts[0])?;
    let prompt = tokens.encode(&args.prompt)?;
    let settings = settings(args, &model.shape, prompt.len())?;

    let mut runner: Box<dyn Run> = match (args.cpu, args.compare) {
        (true, _) => Box::new(Cpu::new(&model, settings)?),
        (false, false) => Box::new(Device::new(Gpu::new()?, &model, settings)?),
        (false, true) => {
            let device = Device::new(Gpu::new()?, &model, settings)?;
            Box::new(Both::new(device, Cpu::new(&model, settings)?))
        }
    };
    eprintln!("{}; context {}", runner.memory(), settings.context);
    tell(&args.prompt)?;
    let done = generate(args, &tokens, &prompt, settings.context, &mut *runner);
    // The text so far stands, whatever happened.
    tell("\n")?;
    if let Some(report) = runner.report() {
        eprintln!("{report}");
    }
    done
}

/// The file, and the other parts where it is one of several.
fn open(path: &Path) -> Fallible<Vec<Mmap>> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let paths = match part_names(name) {
        Some(names) => names.iter().map(|name| path.with_file_name(name)).collect(),
        None => vec![path.to_owned()],
    };
    let map = |path: &PathBuf| {
        let file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
        // SAFETY: the file is only read; a program that writes it meanwhile could make this one read other bytes.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) };
        Ok(map.map_err(|e| format!("{}: {e}", path.display()))?)
    };
    paths.iter().map(map).collect()
}

fn settings(args: &Args, shape: &Shape, prompt: usize) -> Fallible<Settings> {
    let due = prompt.saturating_add(args.tokens).min(shape.context);
    let context = args.context.unwrap_or(due);
    if prompt == 0 {
        return Err("the prompt should have at least 1 token, got 0".into());
    }
    if prompt > context {
        return Err(format!("the prompt should fit a context of {context} tokens, got {prompt}").into());
    }
    if context > shape.context {
        let trained = shape.context;
        eprintln!("a context of {context} tokens is more than the {trained} that the model was trained on");
    }
    Ok(Settings {
        precision: match args.precision {
            Rounding::F32 => Precision::F32,
            Rounding::F16 => Precision::F16,
            Rounding::I8 => Precision::I8,
        },
        kv: match args.kv {
            Packing::F16 => KvType::F16,
            Packing::Q8_0 => KvType::Q8_0,
            Packing::Q4_0 => KvType::Q4_0,
            Packing::Turbo4 => KvType::TurboMse { bits: 4 },
            Packing::Turbo3 => KvType::TurboMse { bits: 3 },
        },
        context,
        check: args.check,
        candidates: if args.temperature == 0.0 { 1 } else { CANDIDATES },
    })
}

fn generate(args: &Args, tokens: &Tokens, prompt: &[u32], context: usize, runner: &mut dyn Run) -> Fallible<()> {
    let mut sampler = Sampler::new(args.temperature, args.seed);
    let mut text = Text::new(tokens, prompt)?;
    let begun = Instant::now();
    let mut candidates = runner.step(prompt)?;
    speed("prompt", prompt.len(), begun.elapsed());
    let begun = Instant::now();
    let mut made = 0;
    // The last token is told without being taken in.
    while made < args.tokens && prompt.len() + made < context {
        let token = sampler.choose(&candidates)?;
        if tokens.is_end(token) {
            break;
        }
        tell(&text.push(token)?)?;
        made += 1;
        let wanted = made < args.tokens && prompt.len() + made < context;
        if wanted {
            candidates = runner.step(&[token]).map_err(|e| format!("after {made} tokens: {e}"))?;
        }
    }
    tell(&text.rest()?)?;
    speed("\ngeneration", made, begun.elapsed());
    Ok(())
}

fn tell(text: &str) -> Fallible<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn speed(what: &str, tokens: usize, took: Duration) {
    let each = tokens as f64 / took.as_secs_f64();
    eprintln!("{what}: {tokens} tokens, {each:.1} a second");
}

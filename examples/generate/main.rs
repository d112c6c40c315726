//! Text by a model in a GGUF file, on the GPU or the processor: a whole forward pass made of lowbit's parts.
//!
//!     scripts/fetch_models smollm2
//!     cargo run --release --example generate -- models/smollm2/*.gguf "The capital of France is"
//!
//! The prompt and what follows go to stdout as they come; sizes and speeds go to stderr.

mod compare;
mod cpu;
mod gpu;
mod layer;
mod perplexity;
// Each example uses a part of it.
#[allow(dead_code)]
#[path = "../model/mod.rs"]
mod model;
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

use clap::Parser;
use compare::Both;
use cpu::Cpu;
use gpu::Device;
use lowbit::gguf::Split;
use lowbit::kv::{AttentionOptions, KvType};
use lowbit::{Gpu, Precision};
use model::{Fallible, Files};
use sample::{CANDIDATES, Candidate, Sampler};
use shape::Shape;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use tokens::{Text, Tokens};
use weights::Model;

/// Continues a text by a llama, qwen2 or qwen3 model in GGUF.
#[derive(Parser)]
struct Args {
    /// A GGUF file (any part of several), or its folder
    model: PathBuf,
    /// The text to continue
    #[arg(required_unless_present = "perplexity")]
    prompt: Option<String>,
    /// Tells the perplexity of the text in this file in place of continuing one, up to --context tokens of it
    #[arg(long, conflicts_with = "prompt")]
    perplexity: Option<PathBuf>,
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
    /// What inputs of products may be rounded to: f32, f16 or i8
    #[arg(long, default_value = "f32", value_parser = precision)]
    precision: Precision,
    /// How keys and values are packed: f16, q8_0, q4_0, turbo4 or turbo3 (TurboQuant with 4 or 3 bits)
    #[arg(long, default_value = "f16", value_parser = packing)]
    kv: KvType,
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

fn temperature(text: &str) -> Result<f32, String> {
    let got = text.parse::<f32>().ok().filter(|t| *t >= 0.0 && t.is_finite());
    got.ok_or_else(|| "should be 0 or more".into())
}

fn precision(text: &str) -> Result<Precision, String> {
    match text {
        "f32" => Ok(Precision::F32),
        "f16" => Ok(Precision::F16),
        "i8" => Ok(Precision::I8),
        _ => Err("should be f32, f16 or i8".into()),
    }
}

fn packing(text: &str) -> Result<KvType, String> {
    match text {
        "f16" => Ok(KvType::F16),
        "q8_0" => Ok(KvType::Q8_0),
        "q4_0" => Ok(KvType::Q4_0),
        "turbo4" => Ok(KvType::TurboMse { bits: 4 }),
        "turbo3" => Ok(KvType::TurboMse { bits: 3 }),
        _ => Err("should be f16, q8_0, q4_0, turbo4 or turbo3".into()),
    }
}

/// What both sides are told.
#[derive(Clone, Copy)]
struct Settings {
    precision: Precision,
    kv: KvType,
    context: usize,
    check: bool,
    /// Tokens to choose among.
    candidates: usize,
}

impl Settings {
    fn new(args: &Args, shape: &Shape, prompt: usize) -> Fallible<Settings> {
        let more = if args.perplexity.is_none() { args.tokens } else { 0 };
        let due = prompt.saturating_add(more).min(shape.context);
        let context = args.context.unwrap_or(due);
        if prompt == 0 {
            return Err("the prompt should have at least 1 token, got 0".into());
        }
        if context > shape.context {
            let trained = shape.context;
            return Err(format!("--context should be at most the model's {trained} tokens, got {context}").into());
        }
        if prompt > context {
            return Err(format!("the prompt should fit a context of {context} tokens, got {prompt}").into());
        }
        Ok(Settings {
            precision: args.precision,
            kv: args.kv,
            context,
            check: args.check,
            candidates: if args.temperature == 0.0 { 1 } else { CANDIDATES },
        })
    }

    fn attention(&self, shape: &Shape) -> AttentionOptions {
        let options = AttentionOptions::new(shape.heads, shape.kv_heads, shape.key, self.kv, self.context);
        options.with_values(options.values.with_d(shape.value))
    }
}

/// A model that takes in tokens.
trait Run {
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

/// What `--check` tells.
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
    // What is wrong with the file or the prompt is found before anything is uploaded.
    let files = Files::open(&args.model)?;
    let parts = files.bytes();
    let file = Split::parse(&parts).map_err(|e| format!("{}: {e}", args.model.display()))?;
    let model = Model::read(&file)?;
    let tokens = Tokens::read(&file, parts[0])?;
    let text = match (&args.perplexity, &args.prompt) {
        (Some(path), _) => std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?,
        (None, prompt) => prompt.clone().unwrap_or_default(),
    };
    let mut prompt = tokens.encode(&text)?;
    if args.perplexity.is_some() {
        prompt.truncate(args.context.unwrap_or(model.shape.context).max(1));
    }
    let settings = Settings::new(args, &model.shape, prompt.len())?;

    let mut runner: Box<dyn Run> = match (args.cpu, args.compare) {
        (true, _) => Box::new(Cpu::new(&model, settings)?),
        (false, false) => Box::new(Device::new(Gpu::new()?, &model, settings)?),
        (false, true) => {
            let device = Device::new(Gpu::new()?, &model, settings)?;
            Box::new(Both::new(device, Cpu::new(&model, settings)?))
        }
    };
    let trained = model.shape.context;
    eprintln!("{}; context {} of {trained}", runner.memory(), settings.context);
    if args.perplexity.is_some() {
        let (value, error) = perplexity::perplexity(&prompt, &mut *runner)?;
        let (count, kv) = (prompt.len(), settings.kv);
        tell(&format!(
            "perplexity {value:.4} ± {error:.4} over {count} tokens, cache {kv:?}\n"
        ))?;
        return Ok(());
    }
    tell(&text)?;
    let speeds = generate(args, &tokens, &prompt, settings.context, &mut *runner);
    // The text so far stands, whatever happened.
    tell("\n")?;
    if let Some(report) = runner.report() {
        eprintln!("{report}");
    }
    eprintln!("{}", speeds?);
    Ok(())
}

/// Returns how fast it was.
fn generate(args: &Args, tokens: &Tokens, prompt: &[u32], context: usize, runner: &mut dyn Run) -> Fallible<String> {
    let mut sampler = Sampler::new(args.temperature, args.seed);
    let mut text = Text::new(tokens, prompt)?;
    let begun = Instant::now();
    let mut candidates = runner.step(prompt)?;
    let prompt_took = begun.elapsed();
    let begun = Instant::now();
    let (most, mut made) = (args.tokens.min(context - prompt.len()), 0);
    while made < most {
        let token = sampler.choose(&candidates)?;
        if tokens.is_end(token) {
            break;
        }
        tell(&text.push(token)?)?;
        made += 1;
        // The last is told without being taken in.
        if made < most {
            candidates = runner.step(&[token]).map_err(|e| format!("after {made} tokens: {e}"))?;
        }
    }
    tell(&text.rest()?)?;
    let [before, after] = [(prompt.len(), prompt_took), (made, begun.elapsed())]
        .map(|(count, took)| format!("{count} tokens, {:.1} a second", count as f64 / took.as_secs_f64()));
    Ok(format!("prompt: {before}; generation: {after}"))
}

fn tell(text: &str) -> Fallible<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

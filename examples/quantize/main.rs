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

mod args;
mod encode;
mod hugging_face;
mod imatrix;
// Each example uses a part of it.
#[allow(dead_code)]
#[path = "../llama/mod.rs"]
mod llama;
mod method;
#[allow(dead_code)]
#[path = "../model/mod.rs"]
mod model;
mod output;
mod overrides;
#[path = "../pipe/mod.rs"]
mod pipe;
mod plan;
mod source;
mod summary;
mod types;

use args::Args;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use method::Runner;
use model::{Fallible, Files};
use plan::Plan;
use std::process::ExitCode;
use std::time::Instant;

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
    let start = Instant::now();
    let files = Files::open(&args.input)?;
    let model = files.parse()?;
    if let Some(checkpoint) = &model.checkpoint {
        let (input, method) = (args.input.display(), checkpoint.method());
        let count = checkpoint.packed().len();
        return Err(format!("{input}: {count} layers are packed ({method}); this takes plain weights").into());
    }
    let runner = Runner::of(args, &model)?;
    let mut plan = Plan::new(args, &files, model)?;
    for note in &plan.notes {
        eprintln!("note: {note}");
    }
    let output = match &args.output {
        Some(output) if !args.dry_run => output,
        _ => return summary::print(&plan, &[], start.elapsed()),
    };
    let weights = plan.tensors.iter().map(|t| t.from.count());
    let bar = ProgressBar::new(weights.sum());
    if let Ok(style) = ProgressStyle::with_template("{msg:30} {wide_bar} {percent} %  {eta} left") {
        bar.set_style(style);
    }
    if let Some(runner) = runner {
        let made = runner.make(args, &plan, &bar)?;
        plan.take(made);
    }
    let written = output::write(args, output, &plan, &bar)?;
    bar.finish_and_clear();
    summary::print(&plan, &written, start.elapsed())
}

//! Trains a small network in floats, quantizes it to few bits with and without quantization-aware training, and
//! multiplies by the packed weights on the GPU.
//!
//!     scripts/fetch_models mnist      # without it, scikit-learn's digits of examples/data
//!     cargo run --release --example qat
//!
//! PTQ rounds the trained floats. QAT continues from them with the quantizer in the loop: ternary as BitNet b1.58, INT4
//! with LSQ; distillation adds a loss against the float network's outputs. The exit status is 1 where packed weights
//! do not have the accuracy seen in training.

mod net;
#[path = "../pipe/mod.rs"]
mod pipe;
mod run;
mod table;

use clap::Parser;
use lowbit::train::distill::Distill;
use lowbit::train::gradual::Blend;
use lowbit::{Format, Gpu};
use net::Fallible;
use net::data::{self, Data};
use net::mlp::Mlp;
use net::scheme::Scheme;
use net::train::{Plan, Teacher};
use run::Run;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Trains a small network from floats to ternary and INT4 weights.
#[derive(Parser)]
struct Args {
    /// A folder with MNIST's four idx files, or with digits as in examples/data. Default: models/mnist if it exists,
    /// otherwise examples/data
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Passes over the images in each training. Default: 5 for MNIST, 60 for digits
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Seed of the initial weights and of the order of images
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ramps quantization up over the first third of QAT's steps, along a cubic curve, instead of starting in full
    #[arg(long)]
    gradual: bool,
    /// Evaluates on every tenth training image, which is then held out of training, instead of on the test
    /// images: for choosing hyperparameters
    #[arg(long)]
    hold_out: bool,
}

/// Weights that share a scale. A row of 784 is 24.5 groups: the last one is short.
const GROUP: usize = 32;

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

/// Whether every packed network has the accuracy seen in training.
fn run(args: &Args) -> Fallible<bool> {
    let Data { name, train, test } = read(args)?;
    let (inputs, hidden, epochs) = match name {
        "MNIST" => (train.k, 256, args.epochs.unwrap_or(5)),
        _ => (train.k, 64, args.epochs.unwrap_or(60)),
    };
    println!(
        "{name}: {} images to train on, {} to evaluate on; {inputs}-{hidden}-{}, {epochs} epochs for each training",
        train.len(),
        test.len(),
        data::CLASSES
    );
    let gpu = Gpu::new();
    match &gpu {
        Ok(gpu) => println!("packed products on {}", gpu.info().name),
        Err(e) => println!("packed products on the processor ({e})"),
    }
    let plan = Plan::new(epochs as usize, args.seed);
    let gradual = Blend::cubic(0, plan.steps(train.len()) / 3);
    let qat = Plan {
        gradual: args.gradual.then_some(gradual),
        ..plan
    };
    let mut run = Run::new(train, test, gpu.ok());

    let (ternary, int4) = (Scheme::Ternary { group: GROUP }, Scheme::Int4 { group: GROUP });
    let per_tensor = Scheme::TernaryTensor;
    let first = Mlp::new(inputs, hidden, args.seed);
    let float = &run.train("float", &first, Scheme::Float, None, plan)?;
    run.train("float, for as long as QAT", float, Scheme::Float, None, plan)?;
    run.round("PTQ ternary", float, Format::TERNARY.with_group(GROUP)?)?;
    run.round_by("PTQ ternary, per tensor", float, per_tensor)?;
    run.round("PTQ INT4", float, Format::INT4.with_group(GROUP)?)?;
    run.train("QAT ternary", float, ternary, None, qat)?;
    run.train("QAT ternary, per tensor", float, per_tensor, None, qat)?;
    run.train("QAT INT4", float, int4, None, qat)?;
    let teacher = Teacher {
        net: float,
        loss: Distill::default(),
        hidden: 1.0,
    };
    let name = "QAT + distillation, ternary";
    run.train(name, float, ternary, Some(&teacher), qat)?;
    println!("{}", table::render(&run.rows));
    Ok(run.rows.iter().all(table::Row::agrees))
}

/// The data of the argument, or the default.
fn read(args: &Args) -> Fallible<Data> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mnist = root.join("models/mnist");
    let mut data = match &args.data {
        Some(folder) if folder.join("digits.images").exists() => data::digits(folder)?,
        Some(folder) => data::mnist(folder)?,
        None if mnist.exists() => data::mnist(&mnist)?,
        None => {
            println!("no models/mnist (scripts/fetch_models mnist): scikit-learn's digits instead");
            data::digits(&root.join("examples/data"))?
        }
    };
    if args.hold_out {
        (data.test, data.train) = data.train.split(|i| i % 10 == 9);
    }
    Ok(data)
}

//! Trains a small network in floats, rounds it to few bits with and without training for it, and multiplies by the
//! packed weights on the GPU.
//!
//!     scripts/fetch_models mnist      # without it, scikit-learn's digits of examples/data
//!     cargo run --release --example qat
//!
//! PTQ rounds the trained floats. QAT goes on from them with the quantizer in the loop: ternary as BitNet b1.58, INT4 with
//! LSQ; distillation adds what the float network says. The exit status is 1 where packed weights do not give
//! the accuracy that training saw.

mod net;

use clap::Parser;
use comfy_table::{presets::ASCII_MARKDOWN, Table};
use indicatif::{ProgressBar, ProgressStyle};
use lowbit::train::distill::Distill;
use lowbit::{Format, Gpu};
use net::data::{self, Data};
use net::mlp::Mlp;
use net::packed::Packed;
use net::scheme::{Quantizer, Scheme};
use net::train::{accuracy_of, quantizers, train, Plan, Teacher};
use net::Fallible;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Trains a small network from floats to ternary and INT4 weights.
#[derive(Parser)]
struct Args {
    /// A folder with MNIST's four idx files; models/mnist if nothing is given, or else digits of examples/data
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Passes over the images in each training; 6 of MNIST and 60 of digits if nothing is given
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Of the first weights and of the order of images
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Judges by every tenth of the training images, which are then not trained on, instead of by the test
    /// images: for choosing hyper-parameters
    #[arg(long)]
    hold_out: bool,
}

/// Weights that share a scale. 784 is 24.5 times as many: the last group of a row is short.
const GROUP: usize = 32;

/// Packed accuracy may differ so much from that in training: sums are made in another order.
const TOLERANCE: f64 = 0.001;

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

/// A row of the table.
struct Row {
    name: &'static str,
    bits: f64,
    /// With floats that are what the packed weights stand for.
    floats: f64,
    packed: f64,
}

/// Whether every packed network is as accurate as its training saw it.
fn run(args: &Args) -> Fallible<bool> {
    let Data {
        name,
        train: images,
        test,
    } = read(args)?;
    let (inputs, hidden, epochs) = match name {
        "MNIST" => (images.k, 256, args.epochs.unwrap_or(6)),
        _ => (images.k, 64, args.epochs.unwrap_or(60)),
    };
    println!(
        "{name}: {} images to train on, {} to judge by; {inputs}-{hidden}-{}, {epochs} epochs for each training",
        images.len(),
        test.len(),
        data::CLASSES
    );
    let gpu = Gpu::new();
    match &gpu {
        Ok(gpu) => println!("packed products on {}", gpu.info().name),
        Err(e) => println!("packed products on the processor ({e})"),
    }
    let gpu = gpu.as_ref().ok();
    let plan = Plan::new(epochs as usize, args.seed);
    let mut rows = Vec::new();
    let mut add = |name, net: &Mlp, quantizers: &[Quantizer; 2]| -> Fallible<()> {
        let packed = Packed::trained(net, quantizers)?;
        rows.push(Row {
            name,
            bits: packed.bits_per_weight(),
            floats: accuracy_of(net, quantizers, &test)?,
            packed: packed.accuracy(gpu, &test)?,
        });
        Ok(())
    };

    let mut float = Mlp::new(inputs, hidden, args.seed);
    let learn = |name: &str, net: &mut Mlp, scheme, teacher: Option<&Teacher>| {
        let started = Instant::now();
        let bar = ProgressBar::new(1000).with_message(name.to_owned());
        bar.set_style(ProgressStyle::with_template(
            "{msg:24} {bar:40} {eta} left",
        )?);
        let learned = train(net, scheme, &images, teacher, plan, &|done| {
            bar.set_position((1000.0 * done) as u64);
        });
        bar.finish_and_clear();
        println!(
            "{name}: trained in {:.1} s",
            started.elapsed().as_secs_f64()
        );
        learned
    };
    let quantizer = learn("float", &mut float, Scheme::Float, None)?;
    add("float", &float, &quantizer)?;
    let per_tensor = Scheme::TernaryTensor;
    add(
        "PTQ ternary, per tensor",
        &float,
        &quantizers(per_tensor, &float)?,
    )?;

    let teacher = Teacher {
        net: &float,
        loss: Distill::default(),
        hidden: 1.0,
    };
    let ternary = Scheme::Ternary { group: GROUP };
    let int4 = Scheme::Int4 { group: GROUP };
    for (name, scheme, teacher) in [
        ("float, trained as long", Scheme::Float, None),
        ("QAT ternary", ternary, None),
        ("QAT ternary, per tensor", per_tensor, None),
        ("QAT + distillation, ternary", ternary, Some(&teacher)),
        ("QAT INT4", int4, None),
    ] {
        let mut net = float.clone();
        let quantizer = learn(name, &mut net, scheme, teacher)?;
        add(name, &net, &quantizer)?;
    }
    for (name, format) in [
        ("PTQ ternary", Format::TERNARY.with_group(GROUP)?),
        ("PTQ INT4", Format::INT4.with_group(GROUP)?),
    ] {
        let packed = Packed::rounded(&float, format)?;
        rows.push(Row {
            name,
            bits: packed.bits_per_weight(),
            floats: packed.decoded(&test),
            packed: packed.accuracy(gpu, &test)?,
        });
    }
    print(&rows);
    Ok(rows
        .iter()
        .all(|r| (r.packed - r.floats).abs() <= TOLERANCE))
}

fn print(rows: &[Row]) {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header([
        "weights",
        "bits per weight",
        "accuracy in floats",
        "packed",
        "under float, points",
    ]);
    for row in rows {
        table.add_row([
            row.name.to_owned(),
            format!("{:.2}", row.bits),
            format!("{:.4}", row.floats),
            format!("{:.4}", row.packed),
            format!("{:.2}", 100.0 * (rows[0].packed - row.packed)),
        ]);
    }
    println!("{table}");
}

/// What was asked for, or what there is.
fn read(args: &Args) -> Fallible<Data> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mnist = root.join("models/mnist");
    let mut data = match &args.data {
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

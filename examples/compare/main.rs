//! Compares methods and formats: bits per weight, error of weights and outputs and, for a Llama, perplexity; as a
//! table, and as a picture with the rate-distortion bound of a Gaussian source.
//!
//!     scripts/fetch_models stories15M stories
//!     cargo run --release --example compare -- models/stories15M
//!
//! It evaluates on the first texts of `--text` and calibrates on the next. For a model other than Llama it compares
//! only weights.

// Each example uses a part of it.
#[allow(dead_code)]
#[path = "../llama/mod.rs"]
mod llama;
mod measure;
mod mixed;
#[allow(dead_code)]
#[path = "../model/mod.rs"]
mod model;
mod picture;
#[path = "../pipe/mod.rs"]
mod pipe;
mod plain;
// Each example draws some of its panels.
#[allow(dead_code)]
#[path = "../plot/mod.rs"]
mod plot;
mod table;

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use llama::Llama;
use llama::calibration::Calibration;
use llama::methods::{Method, Quantized, Recipe};
use llama::perplexity::Losses;
use llama::text::{Texts, read_texts};
use llama::tokenizer::Tokenizer;
use lowbit::{Dense, Format};
use measure::{Language, Reference, Row};
use model::{Fallible, Files, Model};
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;

/// Compares methods and formats on a model.
#[derive(Parser)]
pub struct Args {
    /// A GGUF file, a safetensors file, or a folder with either, of f32, f16 or bf16
    #[arg(required_unless_present = "page")]
    model: Option<PathBuf>,
    /// Draws the tables of this page instead of measuring
    #[arg(long, value_name = "FILE", conflicts_with = "model")]
    page: Option<PathBuf>,
    /// Texts to evaluate on: .jsonl with a "text" in each line, or plain text
    #[arg(long, default_value = "models/stories/mctest.jsonl")]
    text: PathBuf,
    /// Evaluates on this many texts, the first of the file
    #[arg(long, default_value_t = 40)]
    evaluate: usize,
    /// Texts to calibrate on, instead of the next ones of --text
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// Calibrates on this many texts
    #[arg(long, default_value_t = 60)]
    calibrate: usize,
    /// The most tokens to read of a text, less than the model's context
    #[arg(long, default_value_t = 255)]
    length: usize,
    #[arg(long, value_delimiter = ',', value_parser = choice, default_value = "all", help = choices())]
    methods: Vec<Choice>,
    /// Formats by name, with a group where it is not the default (int4_asym_g96); or all
    #[arg(long, value_delimiter = ',', default_values_t = DEFAULT.map(String::from))]
    formats: Vec<String>,
    /// Budgets of mixed formats, in mean bits per weight; each gives a row
    #[arg(long, value_delimiter = ',', default_values_t = [3.5, 4.5])]
    bits: Vec<f64>,
    /// Writes the last mixture to this file, for the example quantize
    #[arg(long, value_name = "FILE")]
    assignment: Option<PathBuf>,
    /// The file to draw into
    #[arg(long, default_value = "compare.svg")]
    svg: PathBuf,
}

/// From 2 to 8 bits, for any k that is a multiple of 32.
const DEFAULT: [&str; 16] = [
    "int2_asym",
    "int2_asym_g96",
    "int3",
    "int3_asym",
    "int3_asym_g96",
    "mxfp4",
    "nf4",
    "int4",
    "int4_asym_g96",
    "int4_asym",
    "q4_0",
    "q4_1",
    "iq4_nl",
    "int5_asym_g96",
    "int6",
    "q8_0",
];

#[derive(Clone, Copy, PartialEq)]
enum Choice {
    All,
    None,
    Mixed,
    One(Method),
}

fn choices() -> String {
    let methods: Vec<String> = Method::value_variants().iter().map(|m| m.name()).collect();
    let methods = methods.join(", ");
    format!("{methods}, mixed; all; or none, for the perplexity of the unchanged model")
}

fn choice(name: &str) -> Result<Choice, String> {
    match name {
        "all" => Ok(Choice::All),
        "none" => Ok(Choice::None),
        "mixed" => Ok(Choice::Mixed),
        name => Ok(Choice::One(Method::from_str(name, false)?)),
    }
}

impl Args {
    fn wants(&self, choice: Choice) -> bool {
        self.methods.iter().any(|c| *c == choice || *c == Choice::All)
    }

    fn methods(&self) -> Vec<Method> {
        let all = Method::value_variants().iter().copied();
        all.filter(|m| self.wants(Choice::One(*m))).collect()
    }

    /// The formats whose blocks divide rows of every length in `ks`; an error for a named one that does not.
    fn formats(&self, ks: &[usize]) -> Fallible<Vec<Format>> {
        let fits = |format: &Format| ks.iter().all(|&k| format.row_bytes(k).is_ok());
        if self.formats.iter().any(|name| name == "all") {
            let plain = ["f32", "f16", "bf16"];
            let all = Format::ALL.iter().copied();
            // Formats of learned codebooks have no encoder.
            let made = |f: &Format| {
                Dense::new(1, 256, &[0.5; 256])
                    .and_then(|w| lowbit::Matrix::quantize(*f, w))
                    .is_ok()
            };
            return Ok(all
                .filter(|f| fits(f) && made(f) && !plain.contains(&f.name()))
                .collect());
        }
        let named = self.formats.iter().map(|name| {
            let format = Format::from_name(name).ok_or_else(|| format!("no format {name:?}"))?;
            match ks.iter().find(|&&k| format.row_bytes(k).is_err()) {
                Some(k) => Err(format!("{name} does not fit rows of {k} weights").into()),
                None => Ok(format),
            }
        });
        named.collect()
    }
}

fn main() -> ExitCode {
    pipe::end_with_the_reader();
    env_logger::init();
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Fallible<()> {
    let Some(path) = &args.model else {
        return draw_page(args);
    };
    let files = Files::open(path)?;
    let model = files.parse()?;
    let rows = match Llama::load(&model) {
        Ok(llama) => language(args, &model, llama)?,
        Err(e) => {
            println!("{e}: comparing only weights");
            plain::compare(args, &model)?
        }
    };
    if rows.is_empty() {
        return Ok(());
    }
    println!("{}", table::render(&rows));
    let title = format!("{}: {} ways to store it", path.display(), rows.len());
    std::fs::write(&args.svg, picture::of_rows(&title, &rows)?)?;
    println!("drawn in {}", args.svg.display());
    Ok(())
}

fn draw_page(args: &Args) -> Fallible<()> {
    if let Some(page) = &args.page {
        std::fs::write(&args.svg, picture::of_page(page)?.0)?;
        println!("drawn in {}", args.svg.display());
    }
    Ok(())
}

/// Compares weights, outputs and perplexity of a Llama.
fn language(args: &Args, model: &Model, mut llama: Llama) -> Fallible<Vec<Row>> {
    let (judged, calibrated) = texts(args, model)?;
    let losses = llama.losses(&judged)?;
    let float = losses.perplexity();
    println!(
        "{} texts, {} tokens predicted: perplexity {float:.3}; calibrated on {} texts, {} tokens",
        judged.0.len(),
        judged.targets().len(),
        calibrated.0.len(),
        calibrated.targets().len()
    );
    let calibration = Calibration::of(&mut llama, &calibrated)?;
    let ks: Vec<usize> = llama.linears().map(|named| named.linear.k()).collect();
    let formats = args.formats(&ks)?;
    let reference = Reference {
        llama: &llama,
        calibration: &calibration,
        losses,
    };
    let mut rows = Vec::new();
    let pairs = args.methods().into_iter().flat_map(|method| {
        let formats = formats.iter().filter(move |f| method.takes(**f));
        formats.map(move |format| (method, *format))
    });
    let pairs: Vec<_> = pairs.collect();
    let mixtures = if args.wants(Choice::Mixed) { args.bits.len() } else { 0 };
    let jobs = Jobs::new(pairs.len() + mixtures * mixed::METHODS.len());
    let mut rounded: HashMap<String, Losses> = HashMap::new();
    let mut measure = |method: String, format: String, quantized: Quantized| {
        let errors = reference.errors(&quantized)?;
        let bits = quantized.llama.bits_per_weight();
        let mut llama = quantized.llama;
        let losses = llama.losses(&judged)?;
        let language = Language {
            perplexity: losses.perplexity(),
            over_float: losses.against(&reference.losses),
            over_rtn: rounded.get(&format).map(|rtn| losses.against(rtn)),
        };
        jobs.tell(&format!("{method} {format}: {:.3}", language.perplexity));
        if method.ends_with(&Method::Rtn.name()) {
            rounded.insert(format.clone(), losses);
        }
        Fallible::Ok(Row {
            method,
            format,
            bits,
            weights: errors.weights,
            outputs: Some(errors.outputs),
            language: Some(language),
        })
    };
    let make = |method: Method, format_of: &dyn Fn(&str) -> Format| {
        let recipe = Recipe {
            method,
            format_of,
            texts: &calibrated,
            calibration: &calibration,
        };
        recipe.quantize(&llama, &|done| jobs.at(done))
    };
    for (method, format) in pairs {
        jobs.start(&format!("{} {format}", method.name()));
        match make(method, &|_| format) {
            Ok(quantized) => rows.push(measure(method.name(), format.to_string(), quantized)?),
            // Not every method supports every format; go on with the others.
            Err(e) => jobs.tell(&format!("{} {format}: {e}", method.name())),
        }
        jobs.end();
    }
    if mixtures > 0 {
        let losses = mixed::losses(&llama, &calibrated, &calibration, &formats, &jobs)?;
        for &bits in &args.bits {
            let assignment = mixed::allocate(&losses, bits)?;
            for method in mixed::METHODS {
                jobs.start(&format!("mixed {} to {bits} bits", method.name()));
                let quantized = make(method, &|name| assignment.format(name).unwrap_or(formats[0]))?;
                let (method, format) = (format!("mixed {}", method.name()), format!("mixed {bits}"));
                rows.push(measure(method, format, quantized)?);
                jobs.end();
            }
            if let Some(path) = &args.assignment {
                std::fs::write(path, assignment.to_string())?;
            }
        }
    }
    jobs.bar.finish_and_clear();
    Ok(rows)
}

/// The texts to evaluate on and those to calibrate on, which are different texts or from another file.
fn texts(args: &Args, model: &Model) -> Fallible<(Texts, Texts)> {
    let tokenizer = Tokenizer::load(model)?;
    let all = read_texts(&args.text)?;
    let count = args.evaluate.min(all.len());
    let others = match &args.calibration {
        Some(path) => read_texts(path)?,
        None => all[count..].to_vec(),
    };
    let others = &others[..args.calibrate.min(others.len())];
    let of = |texts| Texts::of(&tokenizer, texts, args.length);
    let (judged, calibrated) = (of(&all[..count]), of(others));
    if judged.0.is_empty() || calibrated.0.is_empty() {
        let got = (judged.0.len(), calibrated.0.len());
        let rule = "at least one text to evaluate on and one to calibrate on should be there";
        return Err(format!("{rule}, got {} and {}", got.0, got.1).into());
    }
    Ok((judged, calibrated))
}

/// The progress bar.
pub struct Jobs {
    bar: ProgressBar,
}

impl Jobs {
    /// Steps of the bar in one job.
    const STEPS: u64 = 1000;

    fn new(count: usize) -> Jobs {
        let bar = ProgressBar::new(count as u64 * Jobs::STEPS);
        if let Ok(style) = ProgressStyle::with_template("{msg:30} {wide_bar} {percent} %  {eta} left") {
            bar.set_style(style);
        }
        Jobs { bar }
    }

    pub fn start(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// Sets the share of this job that is done.
    pub fn at(&self, done: f32) {
        let before = self.bar.position() / Jobs::STEPS * Jobs::STEPS;
        let steps = (done * Jobs::STEPS as f32) as u64;
        self.bar.set_position(before + steps.min(Jobs::STEPS - 1));
    }

    fn end(&self) {
        let before = self.bar.position() / Jobs::STEPS * Jobs::STEPS;
        self.bar.set_position(before + Jobs::STEPS);
    }

    pub fn tell(&self, text: &str) {
        self.bar.suspend(|| println!("{text}"));
    }
}

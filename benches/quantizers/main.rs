//! The speed of packing weights: every format's encoder on one core, and GPTQ of a layer on all cores.
//!
//! `cargo bench --bench quantizers`, with names of formats such as `-- q4_k iq4_nl` or `-- gptq` for a selection,
//! and `-- --test` for one run of each at a small shape. Prints MB of f32 weights a second, medians of five runs,
//! without importance weights and with them; then the seconds of a Hessian and of GPTQ.

use lowbit::quantize::gptq::Gptq;
use lowbit::quantize::hessian::Hessian;
use lowbit::random::SplitMix64;
use lowbit::{Dense, Error, Format, Matrix, Result};
use std::hint::black_box;
use std::time::Instant;

/// The runs of which a figure is the median.
const RUNS: usize = 5;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Without `--bench` this is `cargo test --benches`.
    let test = arguments.iter().any(|a| a == "--test") || !arguments.iter().any(|a| a == "--bench");
    let asked: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|a| *a == name);

    let (n, k, runs) = if test { (1, 512, 1) } else { (64, 4096, RUNS) };
    println!("{n} x {k}, one core\n\n| format | MB/s | with importance |\n|---|---:|---:|");
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let one = one.expect("one thread can be started");
    for &format in Format::ALL.iter().filter(|f| is_asked(f.name())) {
        let speeds = one.install(|| encode(format, n, k, runs));
        match speeds {
            Ok((plain, weighted)) => println!("| {format} | {plain:.0} | {weighted:.0} |"),
            Err(Error::NoEncoder { .. }) => (),
            Err(error) => return Err(error),
        }
    }
    if is_asked("gptq") {
        let (side, inputs) = if test { (64, 96) } else { (4096, 8192) };
        gptq(Format::INT4, side, inputs)?;
    }
    Ok(())
}

/// MB of f32 weights a second, without importance weights and with them.
fn encode(format: Format, n: usize, k: usize, runs: usize) -> Result<(f64, f64)> {
    let mut random = SplitMix64::new(1);
    let weights: Vec<f32> = (0..n * k).map(|_| random.normal() as f32).collect();
    let importance: Vec<f32> = (0..k).map(|_| random.uniform() as f32 + 0.1).collect();
    let median = |pack: &dyn Fn() -> Result<Matrix<'static>>| {
        let mut speeds = Vec::new();
        for _ in 0..runs {
            let start = Instant::now();
            black_box(pack()?);
            speeds.push(4e-6 * weights.len() as f64 / start.elapsed().as_secs_f64());
        }
        speeds.sort_by(f64::total_cmp);
        Ok(speeds[runs / 2])
    };
    Ok((
        median(&|| Dense::new(n, k, &weights).and_then(|w| Matrix::quantize(format, w)))?,
        median(&|| Dense::new(n, k, &weights).and_then(|w| Matrix::quantize_weighted(format, w, &importance)))?,
    ))
}

/// Times GPTQ of a layer with `k` outputs and `k` inputs, which are correlated as in real layers.
fn gptq(format: Format, k: usize, inputs: usize) -> Result<()> {
    let mut random = SplitMix64::new(2);
    let weights: Vec<f32> = (0..k * k).map(|_| random.normal() as f32).collect();
    let directions: Vec<f32> = (0..64 * k).map(|_| random.normal() as f32).collect();
    let mut x: Vec<f32> = (0..inputs * k).map(|_| random.normal() as f32).collect();
    for x in x.chunks_mut(k) {
        let (direction, size) = (random.below(64), random.normal() as f32);
        for (x, d) in x.iter_mut().zip(&directions[direction * k..]) {
            *x += 2.0 * size * d;
        }
    }
    let start = Instant::now();
    let mut hessian = Hessian::new(k)?;
    hessian.add(&x)?;
    let gathered = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let done = Gptq::default().quantize(format, Dense::new(k, k, &weights)?, &hessian, &|_| ())?;
    let seconds = start.elapsed().as_secs_f64();
    let faer = if cfg!(feature = "faer") {
        "with faer"
    } else {
        "without faer"
    };
    println!(
        "\nGPTQ, {format}, {k} x {k}, {faer}: Hessian of {inputs} inputs {gathered:.1} s, weights {seconds:.1} s (loss {:.4e})",
        done.loss
    );
    Ok(())
}

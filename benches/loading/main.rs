//! The speed of loading: stored bytes that a CPU second packs for the device, and that it uploads, every format.
//!
//! `cargo bench --bench loading`, with names of formats such as `-- q4_k q6_k` for a selection, and `-- --test` for one
//! run of each at a small shape. MB of stored bytes for each second of the processor, medians, packed by one thread.
//! Where the device is software, its copies count as part of an upload. The last line copies bytes and does no more.

#[path = "../contract/cpu_time.rs"]
mod cpu_time;

use lowbit::random::SplitMix64;
use lowbit::{Error, Format, Gpu, Matrix, Result, testing};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The runs of which a figure is the median.
const RUNS: usize = 5;

/// How long a run lasts: CPU time comes in steps of 10 ms.
const LONG_ENOUGH: Duration = Duration::from_millis(400);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Without `--bench` this is `cargo test --benches`.
    let test = arguments.iter().any(|a| a == "--test") || !arguments.iter().any(|a| a == "--bench");
    let asked: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let (n, k) = if test { (16, 512) } else { (2048, 4096) };
    let gpu = Gpu::new()?;
    println!("{n} x {k}, {gpu:?}\n\n| format | packed, MB/s | uploaded, MB/s |\n|---|---:|---:|");
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let one = one.expect("one thread can be started");
    for &format in Format::ALL {
        if !asked.is_empty() && !asked.iter().any(|a| *a == format.name()) {
            continue;
        }
        let matrix = random(format, n, k)?;
        let bytes = matrix.bytes().len();
        let (mut codes, mut scales) = (Vec::new(), Vec::new());
        let packed = speed(test, bytes, || {
            one.install(|| testing::planes(&matrix, &mut codes, &mut scales));
            Ok(())
        })?;
        let uploaded = speed(test, bytes, || {
            black_box(one.install(|| gpu.upload(&matrix))?);
            Ok(())
        })?;
        println!("| {format} | {packed:.0} | {uploaded:.0} |");
    }
    let (from, mut to) = (vec![1u8; n * k], vec![0u8; n * k]);
    let copied = speed(test, from.len(), || {
        black_box(&mut to).copy_from_slice(black_box(&from));
        Ok(())
    })?;
    println!("| a copy | {copied:.0} | |");
    Ok(())
}

/// MB a CPU second, or a second by the clock where CPU time is not known.
fn speed(test: bool, bytes: usize, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    run()?;
    let mut speeds = Vec::new();
    for _ in 0..if test { 1 } else { RUNS } {
        let (start, cpu) = (Instant::now(), cpu_time::cpu_seconds());
        let mut times = 0;
        while times == 0 || (!test && start.elapsed() < LONG_ENOUGH) {
            run()?;
            times += 1;
        }
        let cpu = cpu_time::cpu_seconds().zip(cpu).map(|(to, from)| to - from);
        let seconds = cpu.unwrap_or(start.elapsed().as_secs_f64());
        speeds.push(1e-6 * (times * bytes) as f64 / seconds);
    }
    speeds.sort_by(f64::total_cmp);
    Ok(speeds[speeds.len() / 2])
}

/// Random bytes: packing takes them as they are.
fn random(format: Format, n: usize, k: usize) -> Result<Matrix<'static>> {
    let mut random = SplitMix64::new(1);
    let mut bytes = |count: usize| -> Vec<u8> { (0..count).map(|_| random.bits() as u8).collect() };
    let stored = bytes(n * format.row_bytes(k)?);
    match Matrix::from_bytes(format, n, k, stored.clone()) {
        Err(Error::Codebook { expected, .. }) => Matrix::from_codebook(format, n, k, stored, &bytes(4 * expected)),
        matrix => matrix,
    }
}

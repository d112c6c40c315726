//! Times products: every format at m = 1 by the kernel that lowbit chooses, three formats at other m and every
//! precision, and every kernel at a few m.
//!
//! `cargo bench --bench products`, with a filter such as `-- chosen/q4_k` for a selection, or `-- --test` for one run
//! of each at a small shape. Every product is compared with f64 sums before it is timed. A table at the end compares
//! medians with the copy bandwidth and peak arithmetic of this device, and with a straightforward kernel
//! (`textbook.wgsl`), all in the same run.

mod copy;
mod data;
mod device;
mod peak;
mod run;
mod subject;
mod summary;

use criterion::Criterion;
use device::Bench;
use lowbit::{Format, KERNELS, Precision};
use run::Run;
use std::time::Duration;
use summary::Summary;
use wgpu::DeviceType;

/// Timings of each benchmark.
const SAMPLES: usize = 10;

/// The formats that are also timed at other m and precisions.
const FEW: [Format; 3] = [Format::Q4_0, Format::Q4_K, Format::Q8_0];

/// Rows of x.
const LADDER: [usize; 8] = [1, 2, 3, 4, 8, 16, 32, 128];

/// A shape whose weights exceed every cache of a graphics card. Smaller ones stay cached from run to run.
const LARGE: (usize, usize) = (28672, 8192);

fn main() {
    // Criterion's rule: without `--bench` this is `cargo test --benches`.
    let arguments: Vec<String> = std::env::args().collect();
    let test = arguments.iter().any(|a| a == "--test") || !arguments.iter().any(|a| a == "--bench");
    let shape = if test { (128, 256) } else { (4096, 4096) };
    let mut run = Run {
        criterion: Criterion::default()
            .sample_size(SAMPLES)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1))
            .configure_from_args(),
        summary: Summary::default(),
    };
    match Bench::open() {
        Err(why) => eprintln!("only the cpu group runs, there is no adapter: {why}"),
        Ok(bench) => {
            run.summary.describe(&bench);
            let copied = copy::bandwidth(&bench, if test { 1 << 20 } else { 64 << 20 });
            run.summary.copied(copied);
            let peak = peak::flops(&bench, if test { 4 } else { 4096 });
            run.summary.multiplied(peak);
            on_device(&mut run, &bench, shape, test);
        }
    }
    run.criterion.final_summary();
    println!("\n{}", run.summary);
}

fn on_device(run: &mut Run, bench: &Bench, shape: (usize, usize), test: bool) {
    // `./test` runs each once, which mostly tests compilers: a few formats suffice.
    let every = if test { 9 } else { 1 };
    for &format in Format::ALL.iter().step_by(every) {
        run.product(bench, None, Precision::F32, format, shape, 1);
    }
    run.textbook(bench, shape);
    if !test && bench.gpu.info().device_type != DeviceType::Cpu {
        for format in FEW {
            run.product(bench, None, Precision::F32, format, LARGE, 1);
        }
    }
    let ladder = if test { &LADDER[..2] } else { &LADDER };
    for format in FEW.into_iter().step_by(every) {
        for precision in [Precision::F32, Precision::F16, Precision::I8] {
            for &m in ladder {
                run.product(bench, None, precision, format, shape, m);
            }
        }
    }
    // Every kernel, whether lowbit would choose it here or not.
    for kernel in KERNELS.iter().filter(|kernel| kernel.is_product) {
        for m in if test { &[9][..] } else { &[1, 8, 64] } {
            run.product(bench, Some(kernel.name), kernel.precision, Format::Q4_0, shape, *m);
        }
    }
}

//! Products of every format on a device, timed: one vector, a few, a tile.
//!
//! `cargo bench --bench products`, with a filter such as `-- gemv/q4_k` for some of them and
//! `-- --test` for one run of each at a small shape. Every product is compared with f64 sums before
//! it is timed. At the end a table gives medians beside what this device copies, and beside the
//! kernel that people write first (`textbook.wgsl`) in the same run.

mod copy;
mod data;
mod device;
mod run;
mod subject;
mod summary;

use criterion::Criterion;
use device::Bench;
use lowbit::Format;
use run::Run;
use std::time::Duration;
use summary::Summary;
use wgpu::DeviceType;

/// Timings of each benchmark.
const SAMPLES: usize = 10;

/// The formats that are also timed at other m.
const FEW: [Format; 3] = [Format::Q4_0, Format::Q4_K, Format::Q8_0];

/// Weights too many for any cache of a graphics card. Smaller ones stay in it from run to run.
const LARGE: (usize, usize) = (28672, 8192);

fn main() {
    // As criterion itself decides: without `--bench` this is `cargo test --benches`.
    let arguments: Vec<String> = std::env::args().collect();
    let test = arguments.iter().any(|a| a == "--test") || !arguments.iter().any(|a| a == "--bench");
    let (vector, tile) = match test {
        true => ((256, 512), (128, 256)),
        false => ((4096, 4096), (1024, 1024)),
    };
    let mut run = Run {
        criterion: Criterion::default()
            .sample_size(SAMPLES)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1))
            .configure_from_args(),
        summary: Summary::default(),
    };
    match Bench::open() {
        Err(why) => eprintln!("nothing to time, there is no adapter: {why}"),
        Ok(bench) => {
            run.summary.describe(&bench);
            let copied = copy::bandwidth(&bench, if test { 1 << 20 } else { 64 << 20 });
            run.summary.copied(copied);
            on_device(&mut run, &bench, vector, tile, test);
        }
    }
    run.criterion.final_summary();
    println!("\n{}", run.summary);
}

fn on_device(
    run: &mut Run,
    bench: &Bench,
    vector: (usize, usize),
    tile: (usize, usize),
    test: bool,
) {
    for &format in Format::ALL {
        run.product(bench, "gemv", format, vector, 1);
    }
    run.textbook(bench, vector);
    if !test && bench.gpu.info().device_type != DeviceType::Cpu {
        for format in FEW {
            run.product(bench, "gemv", format, LARGE, 1);
        }
    }
    for format in FEW {
        for m in [2, 4, 8] {
            run.product(bench, "gemv", format, vector, m);
        }
    }
    // Both kernels, whichever of them `MatMul::new` would choose here.
    for format in FEW {
        run.product(bench, "gemv", format, tile, 64);
        run.product(bench, "gemm", format, tile, 64);
    }
}

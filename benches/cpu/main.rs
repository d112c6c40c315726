//! Times the product on the processor: formats x m x precision at 4096 x 4096.
//!
//! `cargo bench --bench cpu`, with a filter such as `-- q4_k/m1` for a selection, or `-- --test` for one run of each at
//! a small shape. Every product is compared with f64 sums before it is timed. A table at the end gives GFLOP/s by wall
//! time and per CPU second; other load on the cores does not change the latter.

mod data;
mod table;

#[path = "../contract/cpu_time.rs"]
mod cpu_time;

use criterion::{BenchmarkId, Criterion, Throughput};
use data::Subject;
use lowbit::{Format, Precision};
use std::hint::black_box;
use std::time::{Duration, Instant};
use table::{Figures, Table};

/// Timings of each benchmark.
const SAMPLES: usize = 10;
const MS: [usize; 5] = [1, 2, 4, 8, 32];
const PRECISIONS: [Precision; 2] = [Precision::F32, Precision::I8];

fn main() {
    // Criterion's rule: without `--bench` this is `cargo test --benches`.
    let arguments: Vec<String> = std::env::args().collect();
    let test = arguments.iter().any(|a| a == "--test") || !arguments.iter().any(|a| a == "--bench");
    let (n, k) = if test { (128, 512) } else { (4096, 4096) };
    let mut criterion = Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .configure_from_args();
    let mut table = Table::default();
    for &format in Format::ALL {
        let mut group = criterion.benchmark_group(format.name());
        // Made when criterion first runs it, which a filter may prevent.
        let mut made = None;
        for m in MS {
            for precision in PRECISIONS {
                group.throughput(Throughput::Elements((2 * n * k * m) as u64));
                let mut timings = Vec::new();
                let id = BenchmarkId::new(format!("m{m}"), format!("{precision:?}"));
                group.bench_function(id, |bencher| {
                    let subject = made.get_or_insert_with(|| Subject::new(format, n, k));
                    let Some(subject) = subject else {
                        // This format has no quantizer.
                        return bencher.iter(|| ());
                    };
                    if timings.is_empty() {
                        subject.check(m, precision);
                    }
                    bencher.iter_custom(|iterations| {
                        let (start, cpu) = (Instant::now(), cpu_time::cpu_seconds());
                        for _ in 0..iterations {
                            black_box(subject.product(m, precision));
                        }
                        let wall = start.elapsed();
                        let cpu = cpu_time::cpu_seconds().zip(cpu).map(|(to, from)| to - from);
                        timings.push((wall.as_secs_f64(), cpu, iterations));
                        wall
                    });
                });
                let flop = 2.0 * (n * k * m) as f64;
                if let Some(figures) = Figures::of(&timings, flop, SAMPLES) {
                    table.add(format.name(), m, precision, figures);
                }
            }
        }
        group.finish();
    }
    criterion.final_summary();
    println!("\n{n} x {k}, GFLOP/s by the clock / for each CPU second\n\n{table}");
}

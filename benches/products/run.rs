//! The criterion benchmarks: a name, a throughput, and a closure that times.

use crate::SAMPLES;
use crate::data::Packed;
use crate::device::{Bench, Clock};
use crate::subject::Subject;
use crate::summary::{Summary, Work};
use criterion::{BenchmarkId, Criterion, Throughput};
use lowbit::{Format, MatMul, Precision};
use std::time::Duration;

pub struct Run {
    pub criterion: Criterion,
    pub summary: Summary,
}

impl Run {
    /// lowbit's product by the named kernel, or by the one that lowbit chooses. Prints what this device
    /// cannot run.
    pub fn product(
        &mut self,
        bench: &Bench,
        kernel: Option<&str>,
        precision: Precision,
        format: Format,
        (n, k): (usize, usize),
        m: usize,
    ) {
        let Some(packed) = Packed::new(format, k) else {
            println!("not timed: {format}, which lowbit has no quantizer for");
            return;
        };
        let make = || {
            let gpu = &bench.gpu;
            let weights = gpu.upload(&packed.matrix(n)).expect("weights fit");
            match kernel {
                Some(kernel) => MatMul::builder(gpu, &weights, m)
                    .precision(precision)
                    .kernel(kernel)
                    .build(),
                None => MatMul::new(gpu, &weights, m, precision),
            }
        };
        let group = kernel.unwrap_or("chosen");
        // Eight rows suffice to tell whether the device can run the kernel.
        let few = bench.gpu.upload(&packed.matrix(8)).expect("eight rows fit");
        let bytes = few.device_bytes() * (n / 8) as u64;
        if let Some(Err(e)) = kernel.map(|kernel| {
            MatMul::builder(&bench.gpu, &few, m)
                .precision(precision)
                .kernel(kernel)
                .build()
        }) {
            println!("not timed: {group} with {format}, m = {m}: {e}");
            return;
        }
        let shape = match precision {
            Precision::F32 => format!("{n}x{k}/m{m}"),
            _ => format!("{n}x{k}/m{m}/{precision:?}"),
        };
        let work = Work {
            bytes,
            flops: 2.0 * (n * k * m) as f64,
        };
        self.on_device(bench, [group, format.name(), &shape], work, || {
            Subject::lowbit(bench, &packed, n, make().expect("the kernel compiles"))
        });
    }

    /// The straightforward kernel on the same weights.
    pub fn textbook(&mut self, bench: &Bench, (n, k): (usize, usize)) {
        let packed = Packed::new(Format::Q4_0, k).expect("it has a quantizer");
        // The planes of `textbook.wgsl` hold the stored bytes in another order.
        let bytes = packed.matrix(n).bytes().len() as u64;
        let make = || Subject::textbook(bench, &packed, n);
        let name = ["textbook", "q4_0", &format!("{n}x{k}/m1")];
        let flops = 2.0 * (n * k) as f64;
        self.on_device(bench, name, Work { bytes, flops }, make);
    }

    fn on_device<'a>(
        &mut self,
        bench: &Bench,
        [group, function, shape]: [&str; 3],
        work: Work,
        make: impl FnOnce() -> Subject<'a>,
    ) {
        let group = match bench.clock() {
            Clock::Timestamps => group.to_string(),
            Clock::Wall => format!("{group}-wall"),
        };
        self.measure([&group, function, shape], work, || {
            let subject = make();
            subject.run_and_check(bench);
            move |iterations| bench.time(iterations, &subject.record)
        });
    }

    /// Calls `make` when criterion first runs the benchmark, which a filter may prevent, and records
    /// the median for the summary.
    fn measure<T: Fn(u64) -> Duration>(
        &mut self,
        [group, function, shape]: [&str; 3],
        work: Work,
        make: impl FnOnce() -> T,
    ) {
        let (mut make, mut timed) = (Some(make), None);
        let mut seconds = Vec::new();
        let mut criterion = self.criterion.benchmark_group(group);
        criterion.throughput(Throughput::Bytes(work.bytes));
        criterion.bench_function(BenchmarkId::new(function, shape), |bencher| {
            if let Some(make) = make.take() {
                timed = Some(make());
            }
            let timed = timed.as_ref().expect("made at the first call");
            bencher.iter_custom(|iterations| {
                let time = timed(iterations);
                seconds.push(time.as_secs_f64() / iterations as f64);
                time
            });
        });
        criterion.finish();
        // The earlier timings are criterion's warm-up.
        let mut last = seconds.split_off(seconds.len().saturating_sub(SAMPLES));
        last.sort_by(f64::total_cmp);
        if let Some(median) = last.get(last.len() / 2) {
            let name = format!("{group}/{function}/{shape}");
            self.summary.add(name, work, *median);
        }
    }
}

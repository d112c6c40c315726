//! Benchmarks as criterion sees them: a name, a throughput, and a closure that takes timings.

use crate::data::Packed;
use crate::device::{Bench, Clock};
use crate::subject::Subject;
use crate::summary::Summary;
use crate::SAMPLES;
use criterion::{BenchmarkId, Criterion, Throughput};
use lowbit::Format;
use std::time::Duration;

pub struct Run {
    pub criterion: Criterion,
    pub summary: Summary,
}

impl Run {
    /// lowbit's product by the kernel of this name.
    pub fn product(
        &mut self,
        bench: &Bench,
        kernel: &str,
        format: Format,
        (n, k): (usize, usize),
        m: usize,
    ) {
        let Some(packed) = Packed::new(format, k) else {
            println!("not timed: {format}, which lowbit has no quantizer for");
            return;
        };
        let bytes = packed.device_bytes(bench, n);
        let make = || Subject::lowbit(bench, &packed, n, m, kernel);
        let shape = match m {
            1 => format!("{n}x{k}"),
            _ => format!("{n}x{k}/m{m}"),
        };
        self.on_device(bench, [kernel, format.name(), &shape], bytes, make);
    }

    /// The kernel that people write first, on the same weights.
    pub fn textbook(&mut self, bench: &Bench, (n, k): (usize, usize)) {
        let packed = Packed::new(Format::Q4_0, k).expect("it has a quantizer");
        // Its planes hold the stored bytes in another order.
        let bytes = packed.matrix(n).bytes().len() as u64;
        let make = || Subject::textbook(bench, &packed, n);
        let name = ["gemv", "textbook_q4_0", &format!("{n}x{k}")];
        self.on_device(bench, name, bytes, make);
    }

    fn on_device<'a>(
        &mut self,
        bench: &Bench,
        [group, function, shape]: [&str; 3],
        bytes: u64,
        make: impl FnOnce() -> Subject<'a>,
    ) {
        let group = match bench.clock() {
            Clock::Timestamps => group.to_string(),
            Clock::Wall => format!("{group}-wall"),
        };
        self.measure([&group, function, shape], bytes, || {
            let subject = make();
            subject.run_and_check(bench);
            move |iterations| bench.time(iterations, &subject.record)
        });
    }

    /// Makes what is to be timed when criterion first asks for it, which under a filter may be
    /// never; notes the median for the summary.
    fn measure<T: Fn(u64) -> Duration>(
        &mut self,
        [group, function, shape]: [&str; 3],
        bytes: u64,
        make: impl FnOnce() -> T,
    ) {
        let (mut make, mut timed) = (Some(make), None);
        let mut seconds = Vec::new();
        let mut criterion = self.criterion.benchmark_group(group);
        criterion.throughput(Throughput::Bytes(bytes));
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
        // Those before the last few warmed up.
        let mut last = seconds.split_off(seconds.len().saturating_sub(SAMPLES));
        last.sort_by(f64::total_cmp);
        if let Some(median) = last.get(last.len() / 2) {
            let name = format!("{group}/{function}/{shape}");
            self.summary.add(name, bytes, *median);
        }
    }
}

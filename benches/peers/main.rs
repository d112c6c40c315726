//! lowbit as one of the workers of `coordinate.py`, which `benches/peers/run` starts.
//!
//! `peers gpu`, `peers gpu:KERNEL` or `peers cpu` reads one command a line from standard input;
//! `coordinate.py` documents them. It reads and writes files in the working folder.

#[path = "../products/copy.rs"]
mod copy;
mod data;
#[path = "../products/device.rs"]
mod device;

use device::{Bench, Clock};
use lowbit::{Format, MatMul, Matrix, Precision};
use std::cell::Cell;
use std::io::BufRead;
use std::time::{Duration, Instant};
use wgpu::{Buffer, BufferUsages};

/// What multiplies.
enum Engine {
    Cpu,
    Gpu(Box<Bench>, Option<String>),
}

/// One prepared product.
enum Product {
    Cpu(Matrix<'static>, Vec<f32>, Precision),
    Gpu {
        products: Vec<MatMul>,
        x: Buffer,
        /// One for each dispatch of a pass, as each node of ggml's graph has its own.
        outputs: Vec<Buffer>,
    },
}

fn main() {
    // `cargo test --benches`, `cargo bench` and `cargo bench -- --test` give options and no engine.
    let Some(engine) = std::env::args().skip(1).find(|a| !a.starts_with('-')) else {
        return test();
    };
    let engine = match engine.split(':').collect::<Vec<_>>()[..] {
        ["cpu"] => Engine::Cpu,
        ["gpu"] => Engine::Gpu(open(), None),
        ["gpu", kernel] => Engine::Gpu(open(), Some(kernel.into())),
        _ => panic!("usage: peers cpu | gpu | gpu:KERNEL"),
    };
    println!("{}", engine.describe());
    let mut product = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("standard input is text");
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["data", format, n, k, m] => {
                data::write(by_name(format), number(n), number(k), number(m));
                println!("written");
            }
            ["prepare", format, n, k, m, precision, rotate] => {
                let w = data::weights(by_name(format), number(n), number(k));
                let x = data::inputs(number(m), number(k));
                let bytes = w.bytes().len();
                let copies = match engine {
                    Engine::Cpu => 1,
                    Engine::Gpu(..) => number(rotate).div_ceil(bytes).clamp(1, 64),
                };
                let (kernel, made) = engine.prepare(w, x, mode(precision), copies);
                println!("ready {bytes} {copies} {kernel}");
                product = Some(made);
            }
            ["run", reps] => {
                let product = product.as_ref().expect("prepared before");
                let start = Instant::now();
                let on_device = engine.run(product, number(reps) as u64);
                let wall = start.elapsed().as_secs_f64();
                match on_device {
                    Some(time) => println!("{wall:.9} {:.9}", time.as_secs_f64()),
                    None => println!("{wall:.9}"),
                }
            }
            ["check"] => {
                let y = engine.result(product.as_ref().expect("prepared before"));
                std::fs::write(engine.file(), bytemuck::cast_slice(&y)).expect("y can be written");
                println!("written");
            }
            ["formats"] => {
                let (these, others) = data::quantizable();
                println!("{};{}", these.join(" "), others.join(" "));
            }
            ["copy", bytes] => println!("{}", engine.bandwidth(number(bytes))),
            _ => panic!("not a command: {line}"),
        }
    }
}

/// One small product by each engine, compared with f64 sums.
fn test() {
    let (format, n, k, m) = (Format::Q4_0, 128, 256, 2);
    let mut engines = vec![Engine::Cpu];
    match Bench::open() {
        Ok(bench) => engines.push(Engine::Gpu(Box::new(bench), None)),
        Err(why) => println!("not run on a GPU: {why}"),
    }
    let x = data::inputs(m, k);
    let right = data::products(format, k, &x);
    for engine in engines {
        let w = data::weights(format, n, k);
        let (kernel, product) = engine.prepare(w, x.clone(), Precision::F32, 2);
        for (i, y) in engine.result(&product).iter().enumerate() {
            let want = right[i / n * data::DISTINCT + i % n % data::DISTINCT];
            let off = (*y as f64 - want).abs();
            assert!(off < 1e-4, "{kernel}: y[{i}] is {y}, not {want}");
        }
        println!("{}: {kernel} multiplies right", engine.describe());
    }
}

fn open() -> Box<Bench> {
    Box::new(Bench::open().expect("there is an adapter"))
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

fn by_name(name: &str) -> Format {
    let found = Format::ALL.iter().find(|f| f.name() == name);
    *found.unwrap_or_else(|| panic!("no format {name}"))
}

fn mode(name: &str) -> Precision {
    match name {
        "f32" => Precision::F32,
        "f16" => Precision::F16,
        "i8" => Precision::I8,
        _ => panic!("no precision {name}"),
    }
}

impl Engine {
    fn describe(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        match self {
            Engine::Cpu => format!("lowbit {version} on the processor"),
            Engine::Gpu(bench, _) => {
                let info = bench.gpu.info();
                let clock = match bench.clock() {
                    Clock::Timestamps => "timestamps",
                    Clock::Wall => "no timestamps",
                };
                let (name, kind, backend) = (&info.name, info.device_type, info.backend);
                let driver = &info.driver_info;
                format!("lowbit {version} on {name}, {kind:?}, {driver}, {backend}, {clock}")
            }
        }
    }

    /// Where `check` writes: a file for each worker.
    fn file(&self) -> &str {
        match self {
            Engine::Cpu => "y-lowbit-cpu",
            Engine::Gpu(..) => "y-lowbit",
        }
    }

    /// The kernel's name, and the product.
    fn prepare(&self, w: Matrix<'static>, x: Vec<f32>, precision: Precision, copies: usize) -> (String, Product) {
        let m = x.len() / w.k();
        let Engine::Gpu(bench, kernel) = self else {
            return ("cpu".into(), Product::Cpu(w, x, precision));
        };
        let gpu = &bench.gpu;
        let one = |_| {
            let packed = gpu.upload(&w).expect("weights fit");
            let made = match kernel {
                None => MatMul::new(gpu, &packed, m, precision),
                Some(name) => MatMul::builder(gpu, &packed, m)
                    .precision(precision)
                    .kernel(name)
                    .build(),
            };
            made.expect("the kernel compiles")
        };
        let products: Vec<MatMul> = (0..copies).map(one).collect();
        let product = Product::Gpu {
            x: bench.buffer(bytemuck::cast_slice(&x), BufferUsages::STORAGE),
            outputs: bench.outputs(m * w.n()),
            products,
        };
        // Drivers may compile at the first dispatch; that must not be timed.
        self.run(&product, 1);
        (self.kernel_of(&product).into(), product)
    }

    fn kernel_of<'a>(&self, product: &'a Product) -> &'a str {
        match product {
            Product::Cpu(..) => "cpu",
            Product::Gpu { products, .. } => products[0].kernel(),
        }
    }

    /// Runs `reps` products, a few a pass; returns the device's own time where it has timestamps.
    fn run(&self, product: &Product, reps: u64) -> Option<Duration> {
        match (self, product) {
            (Engine::Gpu(bench, _), Product::Gpu { products, x, outputs }) => {
                // The copies of the weights take turns, so that caches do not hold them.
                let next = Cell::new(0);
                let time = bench.time(reps, &|pass, i| {
                    let product = &products[next.replace(next.get() + 1) % products.len()];
                    let recorded = product.encode(pass, x.slice(..), outputs[i].slice(..));
                    recorded.expect("the buffers fit");
                });
                (bench.clock() == Clock::Timestamps).then_some(time)
            }
            (_, Product::Cpu(w, x, precision)) => {
                for _ in 0..reps {
                    std::hint::black_box(multiply(w, x, *precision));
                }
                None
            }
            _ => unreachable!("made by this engine"),
        }
    }

    fn result(&self, product: &Product) -> Vec<f32> {
        self.run(product, 1);
        match (self, product) {
            (Engine::Gpu(bench, _), Product::Gpu { outputs, .. }) => bench.read(&outputs[0]),
            (_, Product::Cpu(w, x, precision)) => multiply(w, x, *precision),
            _ => unreachable!("made by this engine"),
        }
    }

    fn bandwidth(&self, bytes: usize) -> f64 {
        match self {
            Engine::Gpu(bench, _) => copy::bandwidth(bench, bytes),
            Engine::Cpu => panic!("a device's copy was asked of the processor"),
        }
    }
}

/// The only call of the CPU product.
fn multiply(w: &Matrix, x: &[f32], precision: Precision) -> Vec<f32> {
    w.matmul_with(x, precision).expect("x has rows of k floats")
}

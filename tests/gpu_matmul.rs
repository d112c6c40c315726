//! Every product kernel, by name, with every format over the edge shapes, against the f64 oracle; and mutants that the
//! comparison must report.
#![cfg(feature = "gpu")]

mod common;

use common::{BOUND, Random, fitting_k, formats, gpu, oracle, random_matrix, within_bound};
use lowbit::{DeviceClass, Format, Gpu, Matrix, Precision, ScaleType, wgpu};
use std::collections::BTreeSet;
use std::sync::Mutex;

fn product_kernels() -> Vec<&'static str> {
    let kernels = gpu::kernels_of(gpu::gpu(), Precision::F32);
    kernels.into_iter().map(|k| k.name).collect()
}

/// Rows of x, rows of weights (multiples of no tile), and lengths (odd counts of blocks, short parts).
const EDGES: &[(usize, usize, usize)] = &[
    (1, 1, 8),
    (1, 67, 784),
    (2, 9, 40),
    (3, 65, 96),
    (4, 31, 800),
    (5, 13, 257),
    (8, 33, 288),
    (9, 66, 64),
    (31, 70, 160),
    (33, 5, 333),
    (64, 64, 32),
    (65, 129, 224),
];

/// Edge shapes for families with a group of another length: both kinds of k.
const GROUP_EDGES: &[(usize, usize, usize)] = &[(1, 67, 784), (3, 65, 96)];

/// The edge shapes for a kernel and a format: all of them with LOWBIT_EDGES=all, else one in twelve, a different one
/// for each neighbour in both lists, since compiling takes nearly all of the time. So each kernel and each format meets
/// every shape, but not every combination.
fn edges_of(place: usize, kernel: usize) -> Vec<(usize, usize, usize)> {
    if std::env::var("LOWBIT_EDGES").is_ok_and(|v| v == "all") {
        return EDGES.to_vec();
    }
    vec![EDGES[(place + 5 * kernel) % EDGES.len()]]
}

fn is_slow(gpu: &Gpu) -> bool {
    gpu.info().name.contains("SwiftShader") || gpu.info().backend == wgpu::Backend::Gl
}

/// A kernel, the class of device that it was built for, and a format.
type Ran = (&'static str, DeviceClass, String);

/// Runs all kernels over edge shapes of one format; returns the largest error.
fn edges(format: Format, kernels: &[&'static str], ran: &Mutex<BTreeSet<Ran>>) -> f64 {
    let own = gpu::gpu();
    let other = match own.class() {
        DeviceClass::Cpu => DeviceClass::Gpu,
        _ => DeviceClass::Cpu,
    };
    let mut random = Random::new(200);
    let mut worst = 0f64;
    let Some(place) = Format::ALL.iter().position(|f| *f == format) else {
        // Families with a group of another length: gpu_decode compares for equality which snippets read a group's
        // scale. Both kinds of k, unless compilers are slow.
        let shapes = &GROUP_EDGES[..if is_slow(own) { 1 } else { 2 }];
        for &shape in shapes {
            let case = Case::new(own, format, shape, &mut random);
            worst = worst.max(case.chosen(own));
        }
        return worst;
    };
    for (number, kernel) in kernels.iter().enumerate() {
        if !runs_here(place, number, kernels.len(), own) {
            continue;
        }
        for (i, shape) in edges_of(place, number).into_iter().enumerate() {
            let case = Case::new(own, format, shape, &mut random);
            // Every adapter must also run kernels as they are for the other class of devices.
            let both = i == 0 && (place + number).is_multiple_of(OTHER_CLASS);
            for class in [own.class(), other] {
                if class == other && !both {
                    continue;
                }
                let gpu = own.with_class(class);
                worst = worst.max(case.by(&gpu, kernel));
                ran.lock().unwrap().insert((*kernel, class, format.to_string()));
                if both && number == 0 {
                    worst = worst.max(case.chosen(&gpu));
                    let bare = gpu.with_features(wgpu::Features::empty());
                    worst = worst.max(case.chosen(&bare));
                }
            }
        }
    }
    worst
}

/// Whether a format runs with this kernel: if compilers are slow, one kernel for each format, unless LOWBIT_EDGES=all,
/// so that each kernel runs with a few formats.
fn runs_here(place: usize, number: usize, kernels: usize, gpu: &Gpu) -> bool {
    let all = std::env::var("LOWBIT_EDGES").is_ok_and(|v| v == "all");
    all || !is_slow(gpu) || place % kernels == number
}

/// One in so many formats also runs as on the other class of devices.
const OTHER_CLASS: usize = 4;

/// A product with its oracle.
struct Case {
    weights: lowbit::Weights,
    x: Vec<f32>,
    want: Vec<(f64, f64)>,
    at: String,
}

impl Case {
    fn new(gpu: &Gpu, format: Format, (m, n, k): (usize, usize, usize), random: &mut Random) -> Case {
        let k = fitting_k(format, k);
        let matrix = random_matrix(format, n, k, random.next());
        let x = random.floats(m * k, 2.0);
        Case {
            weights: gpu.upload(&matrix).unwrap(),
            want: oracle(&matrix.dequantize(), &x, n, k),
            x,
            at: format!("{format} m={m} n={n} k={k}"),
        }
    }

    /// The error of the kernel of this name.
    fn by(&self, gpu: &Gpu, kernel: &str) -> f64 {
        let y = gpu::product(gpu, &self.weights, &self.x, kernel);
        self.error(&y, kernel, gpu)
    }

    /// The error of the kernel that lowbit chooses.
    fn chosen(&self, gpu: &Gpu) -> f64 {
        let y = gpu.matmul(&self.x, &self.weights).unwrap();
        self.error(&y, "chosen", gpu)
    }

    fn error(&self, y: &[f32], kernel: &str, gpu: &Gpu) -> f64 {
        within_bound(y, &self.want).unwrap_or_else(|e| panic!("{kernel}, {} as on a {:?}: {e}", self.at, gpu.class()))
    }
}

#[test]
fn every_kernel_and_format_is_within_its_bound() {
    let kernels = product_kernels();
    let formats = formats();
    let ran = Mutex::new(BTreeSet::new());
    // Most of the time is compiling, which two threads do in parallel.
    let (left, right) = formats.split_at(formats.len() / 2);
    let half = |formats: &[Format]| {
        let errors = formats.iter().map(|&f| edges(f, &kernels, &ran));
        errors.fold(0f64, f64::max)
    };
    // Not on GL, where wgpu panics after a thread has waited six seconds for another's compiler.
    let worst = if gpu::gpu().info().backend == wgpu::Backend::Gl {
        half(&formats)
    } else {
        std::thread::scope(|scope| {
            let other = scope.spawn(|| half(left));
            half(right).max(other.join().unwrap())
        })
    };
    println!("largest error {worst:.2} of {BOUND} units of eps*sum|x*w|");
    let ran = ran.into_inner().unwrap();
    for kernel in &kernels {
        for class in [DeviceClass::Cpu, DeviceClass::Gpu] {
            let count = ran.iter().filter(|r| r.0 == *kernel && r.1 == class).count();
            println!("{kernel} as on a {class:?}: {count} formats and group lengths ran");
            let number = kernels.iter().position(|k| k == kernel).unwrap();
            let runs = |place: &usize| runs_here(*place, number, kernels.len(), gpu::gpu());
            let places = (0..Format::ALL.len()).filter(runs);
            let expected = if class == gpu::gpu().class() {
                places.count()
            } else {
                places.filter(|p| (p + number).is_multiple_of(OTHER_CLASS)).count()
            };
            assert_eq!(count, expected, "{kernel} as on a {class:?}");
        }
    }
}

/// Sums in f16 would overflow here: the true ones are far over 65 504.
#[test]
fn long_rows_of_large_inputs_do_not_overflow() {
    let gpu = gpu::gpu();
    let mut random = Random::new(300);
    let (n, k) = (9, 14336);
    for format in [Format::Q4_0, Format::Q6_K, Format::INT8, Format::TQ2_0] {
        let matrix = random_matrix(format, n, k, random.next());
        let weights = gpu.upload(&matrix).unwrap();
        for m in [1, 3] {
            let x: Vec<f32> = (0..m * k).map(|_| 1e4 * (1.5 + random.signed())).collect();
            let want = oracle(&matrix.dequantize(), &x, n, k);
            for kernel in product_kernels() {
                let y = gpu::product(gpu, &weights, &x, kernel);
                within_bound(&y, &want).unwrap_or_else(|e| panic!("{kernel} {format}: {e}"));
            }
        }
    }
}

#[test]
fn more_rows_than_a_grid_is_wide() {
    let gpu = gpu::gpu();
    let mut random = Random::new(400);
    let (n, k) = (65_539, 32);
    let matrix = random_matrix(Format::Q4_0, n, k, 5);
    let weights = gpu.upload(&matrix).unwrap();
    let x = random.floats(k, 1.0);
    let want = oracle(&matrix.dequantize(), &x, n, k);
    for kernel in product_kernels() {
        within_bound(&gpu::product(gpu, &weights, &x, kernel), &want).unwrap();
    }
}

#[test]
fn special_values_travel() {
    let gpu = gpu::gpu();
    // Zero blocks, subnormal scales, code -128, and an infinite input that must stay in its row.
    let (n, k) = (3, 64);
    let mut bytes = vec![0u8; n * 68];
    bytes[68..70].copy_from_slice(&0x0001u16.to_le_bytes()); // 2^-24
    bytes[70..102].fill(0x80);
    bytes[136..138].copy_from_slice(&0x3c00u16.to_le_bytes()); // 1.0
    bytes[138..170].fill(0x80);
    let matrix = Matrix::from_bytes(Format::Q8_0, n, k, bytes).unwrap();
    let weights = gpu.upload(&matrix).unwrap();
    let mut x = vec![1.0f32; 2 * k];
    x[k] = f32::INFINITY;
    for kernel in product_kernels() {
        let y = gpu::product(gpu, &weights, &x, kernel);
        let first = -128.0 * 32.0 * 2f32.powi(-24);
        assert_eq!(y[..3], [0.0, first, -4096.0], "{kernel}");
        assert!(y[3].is_nan(), "{kernel}: 0 times infinity");
        assert_eq!(y[5], f32::NEG_INFINITY, "{kernel}");
    }
}

/// One nonzero code in each row, so that y is the weight itself: NaN stays NaN, and the smallest values are not lost.
#[test]
fn every_small_float_is_its_weight() {
    let gpu = gpu::gpu();
    let k = 32;
    for (format, bits) in [
        (Format::FP4_E2M1, 4),
        (Format::FP6_E2M3, 6),
        (Format::FP6_E3M2, 6),
        (Format::FP8_E4M3, 8),
        (Format::FP8_E5M2, 8),
    ] {
        let format = format.with_scale(ScaleType::F32).unwrap();
        let format = format.with_group(k).unwrap();
        let n = 1 << bits;
        let mut bytes = vec![0u8; n * (4 + 4 * bits)];
        for (code, row) in bytes.chunks_mut(4 + 4 * bits).enumerate() {
            row[..4].copy_from_slice(&1f32.to_le_bytes());
            // Every position in a word, and both ends of a part.
            let at = code * 5 % k * bits;
            let field = (code as u16) << (at % 8);
            row[4 + at / 8] |= field as u8;
            if at % 8 + bits > 8 {
                row[5 + at / 8] |= (field >> 8) as u8;
            }
        }
        let matrix = Matrix::from_bytes(format, n, k, bytes).unwrap();
        let sums = matrix.dequantize();
        let want: Vec<f32> = sums.chunks(k).map(|row| row.iter().sum()).collect();
        let finite = want.iter().filter(|w| w.is_finite() && **w != 0.0).count();
        assert!(finite >= n - 10, "{format}: {finite} of {n}");
        let weights = gpu.upload(&matrix).unwrap();
        for kernel in product_kernels() {
            let y = gpu::product(gpu, &weights, &vec![1.0; k], kernel);
            for (code, (y, want)) in y.iter().zip(&want).enumerate() {
                let same = y == want || y.is_nan() && want.is_nan();
                assert!(same, "{format}, {kernel}, code {code}: {y}, should be {want}");
            }
        }
    }
}

/// The edge-shape comparison must report shaders that are slightly wrong. Each mutant is one edit of a composed kernel,
/// run on the same data in the same way.
#[test]
fn broken_kernels_are_reported() {
    let gpu = gpu::gpu();
    let mut random = Random::new(500);
    let (m, n, k) = (3, 13, 800);
    let k = fitting_k(Format::Q4_0, k);
    let matrix = random_matrix(Format::Q4_0, n, k, 77);
    let x = random.floats(m * k, 2.0);
    let want = oracle(&matrix.dequantize(), &x, n, k);
    let sound = common::gpu::mutant(gpu, &matrix, &x, |text| text.to_string());
    within_bound(&sound, &want).expect("the unchanged kernel");
    let mutants: &[(&str, &str, &str)] = &[
        (
            "codes one too high",
            "const CODE_OFFSET: u32 = 8u;",
            "const CODE_OFFSET: u32 = 7u;",
        ),
        ("high nibbles for low ones", "nibbles(q.x, 0u, ", "nibbles(q.x, 4u, "),
        ("a neighbour's scale", "(16u * (at % 2u))", "(16u * ((at + 1u) % 2u))"),
        (
            "the last part forgotten",
            "min(start + STRETCH * LANES_K, parts)",
            "min(start + STRETCH * LANES_K, parts - 1u)",
        ),
        ("the next part's inputs", "part * 8u +", "(part + 1u) * 8u +"),
        ("one bit lost", "0xfu << shift", "7u << shift"),
        ("another row", "min(first_row + ", "min(1u + first_row + "),
        ("another row of x", "min(first_x_row + ", "min(1u + first_x_row + "),
        ("written elsewhere", "* params.n + row;", "* params.n + row + 1u;"),
        (
            "scaled twice",
            "return a.scale * sum;",
            "return a.scale * a.scale * sum;",
        ),
    ];
    for (what, from, to) in mutants {
        let y = common::gpu::mutant(gpu, &matrix, &x, |text| {
            assert!(text.contains(from), "{what}: the shader has no {from:?}");
            text.replace(from, to)
        });
        assert!(within_bound(&y, &want).is_err(), "not reported: {what}");
    }
}

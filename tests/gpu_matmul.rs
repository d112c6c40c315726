//! Every product kernel, by name, with every format over the edge shapes, against the f64 oracle;
//! and proof that the comparison sees a broken shader.

mod common;

use common::{fitting_k, formats, gpu, oracle, random_matrix, within_bound, Random, BOUND};
use lowbit::{wgpu, DeviceClass, Format, Gpu, MatMul, Matrix, Precision, KERNELS};
use std::collections::BTreeSet;
use std::sync::Mutex;

fn product_kernels() -> Vec<&'static str> {
    // Kernels that are no products refuse to be one, so this cannot silently grow short.
    let gpu = gpu::gpu();
    let matrix = random_matrix(Format::Q8_0, 1, 32, 1);
    let weights = gpu.upload(&matrix).unwrap();
    let is_product = |k: &&str| MatMul::with_kernel(gpu, &weights, 1, Precision::F32, k).is_ok();
    KERNELS.iter().copied().filter(is_product).collect()
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

/// What families with a group of another length run on: both kinds of k.
const GROUP_EDGES: &[(usize, usize, usize)] = &[(1, 67, 784), (3, 65, 96)];

/// The edge shapes that a format runs on: all of them; on drivers whose compilers are slow every sixth,
/// so that six neighbours in the list of formats run them all, unless LOWBIT_EDGES=all.
fn edges_of(place: usize, gpu: &Gpu) -> Vec<(usize, usize, usize)> {
    let all = std::env::var("LOWBIT_EDGES").is_ok_and(|v| v == "all");
    let every = if all || !is_slow(gpu) { 1 } else { 6 };
    let chosen = EDGES.iter().skip(place % every).step_by(every);
    chosen.copied().collect()
}

fn is_slow(gpu: &Gpu) -> bool {
    gpu.info().name.contains("SwiftShader") || gpu.info().backend == wgpu::Backend::Gl
}

/// A kernel, the class of device that it was made for, and a format.
type Ran = (&'static str, DeviceClass, String);

/// Runs all kernels over the edge shapes of one format; returns the largest error.
fn edges(format: Format, kernels: &[&'static str], ran: &Mutex<BTreeSet<Ran>>) -> f64 {
    let gpu = gpu::gpu();
    let mut random = Random(200);
    let mut worst = 0f64;
    let place = Format::ALL.iter().position(|f| *f == format);
    let usual = place.is_some();
    let table = match place {
        Some(place) => edges_of(place, gpu),
        // Which snippets read a group's scale is compared for equality by gpu_decode.
        None if is_slow(gpu) => GROUP_EDGES[..1].to_vec(),
        None => GROUP_EDGES.to_vec(),
    };
    for (i, (m, n, k)) in table.into_iter().enumerate() {
        let k = fitting_k(format, k);
        let matrix = random_matrix(format, n, k, random.next());
        let weights = gpu.upload(&matrix).unwrap();
        let x = random.floats(m * k, 2.0);
        let want = oracle(&matrix.dequantize(), &x, n, k);
        // Every adapter must also run the kernels as they are for the other class of devices.
        let both = usual && i == 0;
        for class in [DeviceClass::Cpu, DeviceClass::Gpu] {
            if !both && class != gpu.class() {
                continue;
            }
            let gpu = gpu.with_class(class);
            let at = format!("{format} m={m} n={n} k={k} as on a {class:?}");
            for kernel in kernels {
                let y = gpu::product(&gpu, &weights, &x, kernel);
                let error =
                    within_bound(&y, &want).unwrap_or_else(|e| panic!("{kernel} {at}: {e}"));
                worst = worst.max(error);
                ran.lock()
                    .unwrap()
                    .insert((*kernel, class, format.to_string()));
            }
            let y = gpu.matmul(&x, &weights).unwrap();
            within_bound(&y, &want).unwrap_or_else(|e| panic!("chosen, {at}: {e}"));
        }
    }
    worst
}

#[test]
fn every_kernel_and_format_is_within_its_bound() {
    let kernels = product_kernels();
    let formats = formats();
    let ran = Mutex::new(BTreeSet::new());
    // Most of the time is compiling, which two threads do side by side.
    let (left, right) = formats.split_at(formats.len() / 2);
    let half = |formats: &[Format]| {
        let errors = formats.iter().map(|&f| edges(f, &kernels, &ran));
        errors.fold(0f64, f64::max)
    };
    // Not on GL, where wgpu panics once a thread has waited six seconds for another's compiler.
    let worst = if gpu::gpu().info().backend == wgpu::Backend::Gl {
        half(&formats)
    } else {
        std::thread::scope(|scope| {
            let other = scope.spawn(|| half(left));
            half(right).max(other.join().unwrap())
        })
    };
    println!("largest error {worst:.2} of {BOUND} units of eps*sum|x*w|");
    assert_eq!(
        kernels,
        ["gemv", "gemm"],
        "kernels that this adapter could run as products"
    );
    let ran = ran.into_inner().unwrap();
    for kernel in &kernels {
        for class in [DeviceClass::Cpu, DeviceClass::Gpu] {
            let count = ran
                .iter()
                .filter(|r| r.0 == *kernel && r.1 == class)
                .count();
            println!("{kernel} as on a {class:?}: {count} formats and group lengths ran");
            let expected = match class == gpu::gpu().class() {
                true => formats.len(),
                false => Format::ALL.len(),
            };
            assert_eq!(count, expected, "{kernel} as on a {class:?}");
        }
    }
}

/// Sums in f16 would overflow here: the true ones pass 65 504 by far.
#[test]
fn long_rows_of_large_inputs_do_not_overflow() {
    let gpu = gpu::gpu();
    let mut random = Random(300);
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
    let mut random = Random(400);
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

/// The edge-shape comparison must report shaders that are slightly wrong. Each mutant is one edit of
/// a composed kernel, run on the same data in the same way.
#[test]
fn broken_kernels_are_reported() {
    let gpu = gpu::gpu();
    let mut random = Random(500);
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
            "subtract(stored.low, 8u)",
            "subtract(stored.low, 7u)",
        ),
        (
            "high nibbles for low ones",
            "fields(q, vec4<u32>(0u), 0x0f0f0f0fu)",
            "fields(q, vec4<u32>(4u), 0x0f0f0f0fu)",
        ),
        (
            "a neighbour's scale",
            "(16u * (at % 2u))",
            "(16u * ((at + 1u) % 2u))",
        ),
        (
            "the last part forgotten",
            "part < parts;",
            "part < parts - 1u;",
        ),
        (
            "the next part's inputs",
            "part * 8u +",
            "(part + 1u) * 8u +",
        ),
        (
            "unsigned codes",
            "level(c.low.x)",
            "vec4<f32>(unpack4xU8(c.low.x))",
        ),
        ("another row", "min(first_row + ", "min(1u + first_row + "),
        (
            "another column",
            "min(first_col + ",
            "min(1u + first_col + ",
        ),
        (
            "written elsewhere",
            "* params.n + at]",
            "* params.n + at + 1u]",
        ),
        (
            "scaled twice",
            "return a.scale * level_sum;",
            "return a.scale * a.scale * level_sum;",
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

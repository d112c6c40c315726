//! Products of integers (`Precision::I8`): the rounding of x, bit for bit; exact products, bit for bit; others within
//! their bound of the f64 product of the rounded x; and mutants that these comparisons must report.
#![cfg(feature = "gpu")]

mod common;
#[path = "gpu_integer/exact.rs"]
mod exact;
#[path = "gpu_integer/mutants.rs"]
mod mutants;
#[path = "gpu_integer/rounding.rs"]
mod rounding;

use common::{BOUND, Random, exact_inputs, fitting_k, gpu, random_matrix};
use exact::{exact_matrix, is_exact};
use lowbit::{DeviceClass, Error, Format, Gpu, KernelInfo, Linear, LinearMatMul, MatMul, Precision, wgpu};
use rounding::rounded;
use std::collections::BTreeSet;

/// The product in f64, and Σ|w · x|.
fn oracle(w: &[f32], x: &[f64], k: usize) -> Vec<(f64, f64)> {
    let mut out = vec![];
    for x in x.chunks(k) {
        for w in w.chunks(k) {
            let terms = w.iter().zip(x).map(|(w, x)| *w as f64 * x);
            out.push(terms.fold((0.0, 0.0), |s, t| (s.0 + t, s.1 + t.abs())));
        }
    }
    out
}

fn kernels() -> Vec<&'static KernelInfo> {
    gpu::kernels_of(gpu::gpu(), Precision::I8)
}

/// One product, or None if the format has no codes that the kernel multiplies; asserts which formats those are.
fn product(gpu: &Gpu, weights: &lowbit::Weights, x: &[f32], kernel: &KernelInfo) -> Option<Vec<f32>> {
    let (m, format) = (x.len() / weights.k(), weights.format());
    let product = match common::gpu::with_kernel(gpu, weights, m, Precision::I8, kernel.name) {
        Err(Error::NoCodes { .. }) => {
            assert!(!kernel.serves(format), "{kernel} does not serve {format}");
            // Only the width of fields may exclude a kernel from formats with integers.
            assert!(
                !format.has_integers() || kernel.field_bits.is_some(),
                "{kernel}, {format}"
            );
            return None;
        }
        product => product.unwrap(),
    };
    assert!(
        kernel.serves(format) && format.has_integers(),
        "{kernel} serves {format}"
    );
    assert_eq!(product.kernel(), kernel.name);
    Some(gpu::run(gpu, x, m * weights.n(), |pass, x, y| {
        product.encode(pass, x, y).unwrap()
    }))
}

fn within_bound(y: &[f32], want: &[(f64, f64)]) -> Result<f64, String> {
    common::within_bound(y, want)
}

/// Equal as numbers: the sign of a zero depends on the order of the sum.
fn equal(y: &[f32], want: &[(f64, f64)]) -> Result<(), String> {
    let want: Vec<f32> = want.iter().map(|w| w.0 as f32 + 0.0).collect();
    let y: Vec<f32> = y.iter().map(|y| y + 0.0).collect();
    common::same_bits(&y, &want)
}

/// Whether a kernel meets a format: one format in `every` (all with LOWBIT_EDGES=all), other formats for each kernel,
/// since compiling takes nearly all of the time.
fn meet(place: usize, number: usize, every: usize) -> bool {
    let all = std::env::var("LOWBIT_EDGES").is_ok_and(|v| v == "all");
    all || (place + number).is_multiple_of(every)
}

/// The device as it is, and sometimes as of the other class.
fn guises(place: usize, number: usize, kernel: &KernelInfo) -> Vec<Gpu> {
    let own = gpu::gpu();
    let other = match own.class() {
        DeviceClass::Cpu => DeviceClass::Gpu,
        _ => DeviceClass::Cpu,
    };
    let mut all = vec![own.clone()];
    // Few formats have so few bits, so these run as both classes.
    if (place + number).is_multiple_of(5) || kernel.field_bits.is_some() {
        all.push(own.with_class(other));
    }
    all
}

/// Whether shaders take so long to compile that fewer formats meet each kernel.
fn is_slow() -> bool {
    let info = gpu::gpu().info();
    info.name.contains("SwiftShader") || info.backend == lowbit::wgpu::Backend::Gl
}

#[test]
fn exact_products_are_equal_bit_for_bit() {
    let kernels = kernels();
    let mut random = Random::new(2);
    let mut ran = BTreeSet::new();
    for (place, &format) in Format::ALL.iter().enumerate() {
        let (m, n, k) = (3, 19, fitting_k(format, 72));
        if !format.has_integers() {
            continue;
        }
        let matrix = exact_matrix(format, n, k);
        let w = matrix.dequantize();
        let x = exact_inputs(m, k, &mut random);
        let values = rounded(&x, k, f32::round_ties_even).values(k);
        assert!(values.iter().zip(&x).all(|(v, x)| *v == *x as f64));
        let want = oracle(&w, &values, k);
        let most = want.iter().fold(0.0, |most, w| f64::max(most, w.1));
        assert!(is_exact(&w, most), "{format}: sums may be rounded");
        let weights = gpu::gpu().upload(&matrix).unwrap();
        for (number, kernel) in kernels.iter().enumerate() {
            if !meet(place, number, if is_slow() { 9 } else { 3 }) {
                continue;
            }
            for gpu in guises(place, number, kernel) {
                if let Some(y) = product(&gpu, &weights, &x, kernel) {
                    equal(&y, &want).unwrap_or_else(|e| panic!("{kernel} {format} as on a {:?}: {e}", gpu.class()));
                    ran.insert((kernel.name, gpu.class(), format.to_string()));
                }
            }
        }
    }
    for kernel in &kernels {
        for class in [DeviceClass::Cpu, DeviceClass::Gpu] {
            let count = ran.iter().filter(|r| r.0 == kernel.name && r.1 == class).count();
            println!("{kernel} as on a {class:?}: {count} formats ran");
            let least = match (kernel.field_bits.is_some(), class == gpu::gpu().class()) {
                // A ninth of the formats; few of those have so few bits.
                (few_bits, own) if is_slow() => 3 * (own && !few_bits) as usize,
                (true, _) => 1,
                (false, true) => 15,
                (false, false) => 3,
            };
            assert!(count >= least, "{kernel} as on a {class:?}");
        }
    }
}

/// What cards look up in workgroup memory, or decode by bits that are few: each in f32 and in bytes, as on a card.
#[test]
fn decoding_as_on_a_card_is_exact() {
    const FORMATS: [Format; 14] = [
        Format::IQ1_S,
        Format::IQ1_M,
        Format::IQ2_XXS,
        Format::IQ2_XS,
        Format::IQ2_S,
        Format::IQ3_XXS,
        Format::IQ3_S,
        Format::IQ4_NL,
        Format::IQ4_XS,
        Format::MXFP4,
        Format::NVFP4,
        Format::TQ1_0,
        Format::Q1_0,
        Format::INT1,
    ];
    let card = gpu::gpu().with_class(DeviceClass::Gpu);
    let mut random = Random::new(8);
    for format in FORMATS {
        let (m, n, k) = (1, 19, fitting_k(format, 512));
        let matrix = exact_matrix(format, n, k);
        let x = exact_inputs(m, k, &mut random);
        let values: Vec<f64> = x.iter().map(|x| *x as f64).collect();
        let want = oracle(&matrix.dequantize(), &values, k);
        let weights = card.upload(&matrix).unwrap();
        for (kernel, precision) in [("gemv", Precision::F32), ("gemv_dp4a", Precision::I8)] {
            let product = gpu::with_kernel(&card, &weights, m, precision, kernel).unwrap();
            let y = gpu::prepared(&card, &product, &x);
            equal(&y, &want).unwrap_or_else(|e| panic!("{kernel} {format}: {e}"));
        }
        let mutant = match format.name() {
            "iq2_s" => ("gemv", "kept(read_point(i))", "kept(read_point(i ^ 1u))"),
            "iq4_nl" => ("gemv_dp4a", "all[i / 16u]", "all[i % 16u]"),
            _ => continue,
        };
        let (kernel, from, to) = mutant;
        let product = gpu::edited(&card, &weights, m, kernel, |text| {
            assert!(text.contains(from), "{kernel}: no {from:?}");
            text.replace(from, to)
        });
        let y = gpu::prepared(&card, &product.unwrap(), &x);
        assert!(equal(&y, &want).is_err(), "not reported: {kernel}, {to:?}");
    }
}

/// Rows of x, rows of weights, row lengths: short parts, odd counts of parts, no multiples of a tile.
const EDGES: &[(usize, usize, usize)] = &[
    (1, 67, 784),
    (2, 9, 40),
    (4, 31, 800),
    (9, 66, 64),
    (33, 5, 333),
    (65, 129, 96),
];

#[test]
fn random_products_are_within_the_bound() {
    let kernels = kernels();
    let mut random = Random::new(3);
    let mut worst = 0f64;
    let mut count = 0;
    for (place, &format) in common::formats().iter().enumerate() {
        for (number, kernel) in kernels.iter().enumerate() {
            // Other formats than in the exact test.
            if !meet(place + 1, number, if is_slow() { 27 } else { 9 }) {
                continue;
            }
            let (m, n, k) = EDGES[place % EDGES.len()];
            let k = fitting_k(format, k);
            let matrix = random_matrix(format, n, k, random.next());
            let weights = gpu::gpu().upload(&matrix).unwrap();
            let x = random.floats(m * k, 2.0);
            let Some(y) = product(gpu::gpu(), &weights, &x, kernel) else {
                continue;
            };
            let values = rounded(&x, k, f32::round_ties_even).values(k);
            let want = oracle(&matrix.dequantize(), &values, k);
            let error = within_bound(&y, &want).unwrap_or_else(|e| panic!("{kernel} {format} m={m} n={n} k={k}: {e}"));
            worst = worst.max(error);
            count += 1;
        }
    }
    println!("{count} products, largest error {worst:.2} of {BOUND} units of eps*sum|x*w|");
    assert!(count > if is_slow() { 8 } else { 50 }, "{count}");
}

/// The kernel chosen for I8; F32 next to it stays F32.
#[test]
fn integers_are_chosen_only_where_they_are_allowed() {
    let own = gpu::gpu();
    let mut random = Random::new(4);
    for class in [DeviceClass::Cpu, DeviceClass::Gpu] {
        for (format, m) in [
            (Format::Q4_0, 1),
            (Format::Q4_0, 9),
            (Format::TQ2_0, 2),
            (Format::NF4, 2),
        ] {
            let gpu = own.with_class(class);
            for gpu in [gpu.clone(), gpu.with_features(wgpu::Features::empty())] {
                let k = 256;
                let matrix = random_matrix(format, 13, k, 9);
                let weights = gpu.upload(&matrix).unwrap();
                let x = random.floats(m * k, 2.0);
                let plain = MatMul::new(&gpu, &weights, m, Precision::F32).unwrap();
                assert!(lowbit::testing::rounded(&plain).is_none());
                let product = MatMul::new(&gpu, &weights, m, Precision::I8).unwrap();
                println!("{format} m={m} as on a {class:?}: {}", product.kernel());
                // On GL no card is known to have an instruction that multiplies bytes.
                let emulated = class == DeviceClass::Gpu && gpu.info().backend == wgpu::Backend::Gl;
                let exact = format == Format::NF4 || emulated;
                assert_eq!(lowbit::testing::rounded(&product).is_none(), exact);
                let y = gpu.matmul_with(&x, &weights, Precision::I8).unwrap();
                let values = match lowbit::testing::rounded(&product) {
                    Some(_) => rounded(&x, k, f32::round_ties_even).values(k),
                    None => x.iter().map(|&x| x as f64).collect(),
                };
                let want = oracle(&matrix.dequantize(), &values, k);
                within_bound(&y, &want).unwrap();
            }
        }
    }
    let weights = own.upload(&random_matrix(Format::Q4_0, 1, 32, 1)).unwrap();
    for precision in [Precision::F32, Precision::F16] {
        let refused = common::gpu::with_kernel(own, &weights, 1, precision, "gemm_dp4a");
        assert!(matches!(refused, Err(Error::Precision { .. })));
    }
}

#[test]
fn long_rows_and_infinite_inputs() {
    let gpu = gpu::gpu();
    let mut random = Random::new(6);
    let (m, n, k) = (3, 9, 14336);
    for (format, kernels) in [
        (Format::Q4_0, kernels()),
        (Format::INT8_BIAS, kernels()),
        (
            Format::TQ2_0,
            kernels().into_iter().filter(|k| k.field_bits.is_some()).collect(),
        ),
    ] {
        let matrix = random_matrix(format, n, k, 7);
        let weights = gpu.upload(&matrix).unwrap();
        let mut x: Vec<f32> = (0..m * k).map(|_| 1e4 * (1.5 + random.signed())).collect();
        x[k + 100] = f32::INFINITY;
        x[2 * k + 7] = 1e30;
        x[2 * k + 8] = -1e30;
        let values = rounded(&x, k, f32::round_ties_even).values(k);
        let want = oracle(&matrix.dequantize(), &values, k);
        for kernel in kernels {
            let Some(y) = product(gpu, &weights, &x, kernel) else {
                continue;
            };
            assert!(y[n..2 * n].iter().all(|y| y.is_nan()), "{kernel}");
            within_bound(&y[..n], &want[..n]).unwrap_or_else(|e| panic!("{kernel} {format}: {e}"));
            within_bound(&y[2 * n..], &want[2 * n..]).unwrap_or_else(|e| panic!("{kernel} {format}: {e}"));
        }
    }
}

/// More rows than fit a binding (128 MiB on lavapipe) are rounded and multiplied run by run.
#[test]
fn more_inputs_than_a_binding_holds() {
    let gpu = gpu::gpu();
    let mut random = Random::new(8);
    let (m, n, k) = (1100, 2, 32768);
    let matrix = random_matrix(Format::Q4_0, n, k, 9);
    let weights = gpu.upload(&matrix).unwrap();
    // The same few rows repeated: runs differ only in their position.
    let some = random.floats(7 * k, 1.0);
    let x: Vec<f32> = some.iter().copied().cycle().take(m * k).collect();
    let product = MatMul::new(gpu, &weights, m, Precision::I8).unwrap();
    let y = gpu::run(gpu, &x, m * n, |pass, x, y| product.encode(pass, x, y).unwrap());
    let values = rounded(&some, k, f32::round_ties_even).values(k);
    let want = oracle(&matrix.dequantize(), &values, k);
    let want: Vec<_> = want.iter().copied().cycle().take(m * n).collect();
    within_bound(&y, &want).unwrap();
}

/// A layer with the parts around its product.
#[test]
fn layers_multiply_integers_too() {
    let gpu = gpu::gpu();
    let mut random = Random::new(9);
    let (m, n, k) = (3, 37, 320);
    let matrix = random_matrix(Format::INT4, n, k, 10);
    let bias = random.floats(n, 1.0);
    let x = random.floats(m * k, 2.0);
    let values = rounded(&x, k, f32::round_ties_even).values(k);
    let mut want = oracle(&matrix.dequantize(), &values, k);
    for (i, want) in want.iter_mut().enumerate() {
        let b = bias[i % n] as f64;
        *want = (want.0 + b, want.1 + b.abs());
    }
    let linear = Linear::new(matrix).with_bias(bias).unwrap();
    let weights = gpu.upload_linear(&linear).unwrap();
    let product = LinearMatMul::new(gpu, &weights, m, Precision::I8).unwrap();
    assert!(lowbit::testing::rounded(product.product()).is_some());
    let y = gpu::run(gpu, &x, m * n, |pass, x, y| product.encode(pass, x, y).unwrap());
    within_bound(&y, &want).unwrap();
}

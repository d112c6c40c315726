//! Products of integers (`Precision::I8`): the rounding of x, bit for bit; exact products, bit for bit; others within
//! their bound of the f64 product of the rounded x; and mutants that these comparisons must report.
#![cfg(feature = "gpu")]

mod common;

use common::{BOUND, Random, altered_matrix, exact_inputs, fitting_k, gpu, random_matrix};
use lowbit::{
    DeviceClass, Error, Format, Gpu, KernelInfo, Linear, LinearMatMul, MatMul, Matrix, Precision, ScaleType, wgpu,
};
use std::collections::BTreeSet;

/// x rounded by the definition.
struct Rounded {
    /// Rows padded to whole runs of 32.
    codes: Vec<i8>,
    scales: Vec<f32>,
}

/// How codes are rounded: other than to nearest only in mutants.
type Round = fn(f32) -> f32;

fn rounded(x: &[f32], k: usize, round: Round) -> Rounded {
    let mut r = Rounded {
        codes: vec![],
        scales: vec![],
    };
    for run in x.chunks(k).flat_map(|row| row.chunks(32)) {
        let top = run.iter().map(|x| x.to_bits() & 0x7fff_ffff).max().unwrap();
        let (mut scale, mut inverse) = (f32::from_bits(top), 0.0);
        let number = top < 0x7f80_0000;
        if number {
            scale *= 1.0f32 / 127.0;
            if scale < f32::MIN_POSITIVE {
                scale = 0.0;
            } else {
                inverse = 127.0 / f32::from_bits(top);
            }
        }
        let code = |x: &f32| {
            if number {
                round(x * inverse).clamp(-127.0, 127.0) as i8
            } else {
                0
            }
        };
        let mut codes: Vec<i8> = run.iter().map(code).collect();
        codes.resize(32, 0);
        r.codes.extend(codes);
        r.scales.push(scale);
    }
    r
}

impl Rounded {
    /// The words that the device stores: 12 for each run.
    fn words(&self) -> Vec<u32> {
        let mut words = vec![];
        for (codes, scale) in self.codes.chunks(32).zip(&self.scales) {
            words.extend(bytemuck::pod_collect_to_vec::<i8, u32>(codes));
            words.push(scale.to_bits());
            let sum = |codes: &[i8]| codes.iter().map(|&c| c as i32).sum::<i32>() as u32 & 0xffff;
            let sums: Vec<u32> = codes.chunks(8).map(sum).collect();
            words.extend([sums[0] | sums[1] << 16, sums[2] | sums[3] << 16, 0]);
        }
        words
    }

    /// The inputs that the codes stand for: m rows of k.
    fn values(&self, k: usize) -> Vec<f64> {
        let padded = k.next_multiple_of(32);
        let rows = self.codes.chunks(padded).zip(self.scales.chunks(padded / 32));
        rows.flat_map(|(codes, scales)| (0..k).map(|i| codes[i] as f64 * scales[i / 32] as f64))
            .collect()
    }
}

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

/// Random codes, and scales that are powers of two.
fn exact_matrix(format: Format, n: usize, k: usize) -> Matrix<'static> {
    let row_bytes = format.row_bytes(k).unwrap();
    altered_matrix(format, n, k, 11, |bytes| {
        for (r, row) in bytes.chunks_mut(row_bytes).enumerate() {
            let step = format.block_bytes().unwrap_or(row_bytes);
            for (b, block) in row.chunks_mut(step).enumerate() {
                // Neighbouring blocks differ.
                let odd = (r + b) % 2;
                for (i, &(at, scale)) in format.float_fields().iter().enumerate() {
                    let value = 2f32.powi(odd as i32 + i as i32 - 4);
                    match scale {
                        ScaleType::E8M0 => block[at] = 123 + odd as u8,
                        ScaleType::E4M3 => block[at] = 0x38 + 8 * odd as u8,
                        ScaleType::F16 => block[at..at + 2].copy_from_slice(&half::f16::from_f32(value).to_le_bytes()),
                        ScaleType::BF16 => {
                            block[at..at + 2].copy_from_slice(&half::bf16::from_f32(value).to_le_bytes())
                        }
                        ScaleType::F32 => block[at..at + 4].copy_from_slice(&value.to_le_bytes()),
                        other => panic!("add a power of two of type {other} here"),
                    }
                }
                if format.name() == "iq1_m" {
                    // d is in the top nibbles of four half words.
                    for (at, nibble) in [(49, 0), (51, 0), (53, 0xc0), (55, 0x20)] {
                        block[at] = (block[at] & 15) | nibble;
                    }
                }
            }
        }
    })
}

/// Whether every sum of these terms in any order is exact in f32: all are multiples of one unit, and their total is
/// under 2^23 units.
fn is_exact(w: &[f32], magnitudes: f64) -> bool {
    let lowest = |w: &f32| {
        let bits = w.to_bits();
        let mantissa = (bits & 0x7f_ffff) | 0x80_0000;
        ((bits >> 23) & 255) as i32 - 150 + mantissa.trailing_zeros() as i32
    };
    let unit = w.iter().filter(|w| **w != 0.0).map(lowest).min();
    magnitudes / (0.25 * 2f64.powi(unit.unwrap_or(0))) < (1 << 23) as f64
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

#[test]
fn rows_are_rounded_bit_for_bit() {
    let gpu = gpu::gpu();
    let mut random = Random::new(1);
    for (m, k) in [(1, 1), (3, 75), (9, 320)] {
        let mut x = random.floats(m * k, 3.0);
        if m == 9 {
            let special = [
                f32::NAN,
                f32::INFINITY,
                f32::NEG_INFINITY,
                f32::MAX,
                f32::MIN_POSITIVE,
                1e-40,
                127.0 * f32::MIN_POSITIVE,
                1e-30,
            ];
            for (i, &s) in special.iter().enumerate() {
                x[32 * i + i] = s;
            }
            // The same values as the largest of a run of zeros.
            for (i, &s) in special.iter().enumerate() {
                x[k + 32 * i..k + 32 * (i + 1)].fill(0.0);
                x[k + 32 * i + 5] = s;
                x[k + 32 * i + 6] = -s / 2.0;
            }
            // Ties, to even both up and down.
            for i in 0..32 {
                x[2 * k + i] = i as f32 - 15.5;
            }
            x[2 * k] = 127.0;
            x[3 * k..4 * k].fill(0.0);
            x[4 * k..4 * k + 32].fill(-0.0);
        }
        let weights = gpu.upload(&random_matrix(Format::INT4, 2, k, 4)).unwrap();
        let product = MatMul::new(gpu, &weights, m, Precision::I8).unwrap();
        gpu::run(gpu, &x, 2 * m, |pass, x, y| product.encode(pass, x, y).unwrap());
        let got = read(gpu, lowbit::testing::rounded(&product).expect("integers are chosen"));
        let want = rounded(&x, k, f32::round_ties_even);
        assert_eq!(first_difference(&got, &want.words()), None, "m={m} k={k}");
        if m == 9 {
            let mutants: [Round; 3] = [f32::round, f32::trunc, f32::ceil];
            for mutant in mutants {
                let want = rounded(&x, k, mutant).words();
                assert!(first_difference(&got, &want).is_some(), "not reported");
            }
        }
    }
}

/// The first difference between words: index, got, wanted.
fn first_difference(got: &[u32], want: &[u32]) -> Option<(usize, u32, u32)> {
    assert_eq!(got.len(), want.len());
    let at = got.iter().zip(want).position(|(a, b)| a != b)?;
    Some((at, got[at], want[at]))
}

fn read(gpu: &Gpu, buffer: &wgpu::Buffer) -> Vec<u32> {
    let back = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: buffer.size(),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &back, 0, buffer.size());
    gpu.queue().submit([encoder.finish()]);
    back.slice(..).map_async(wgpu::MapMode::Read, |r| r.unwrap());
    let device = gpu.device();
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();

    bytemuck::pod_collect_to_vec(&back.slice(..).get_mapped_range().unwrap())
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

/// The error against the product of unrounded inputs equals the one that rounding to 8 bits predicts.
#[test]
fn errors_are_those_of_rounding() {
    let gpu = gpu::gpu();
    let mut random = Random::new(5);
    let (m, n, k) = (4, 96, 1024);
    let matrix = random_matrix(Format::Q4_0, n, k, 6);
    let weights = gpu.upload(&matrix).unwrap();
    let x = random.floats(m * k, 2.0);
    let y = gpu.matmul_with(&x, &weights, Precision::I8).unwrap();
    let w = matrix.dequantize();
    let exact: Vec<f64> = x.iter().map(|&x| x as f64).collect();
    let want = oracle(&w, &exact, k);
    let scales = rounded(&x, k, f32::round_ties_even).scales;
    // Each input's error has the variance of a uniform distribution over one step.
    let (mut got, mut expected, mut size) = (0f64, 0f64, 0f64);
    for (i, (y, want)) in y.iter().zip(&want).enumerate() {
        got += (*y as f64 - want.0).powi(2);
        size += want.0.powi(2);
        let scales = &scales[i / n * (k / 32)..];
        for (j, w) in w[i % n * k..][..k].iter().enumerate() {
            expected += (*w as f64 * scales[j / 32] as f64).powi(2) / 12.0;
        }
    }
    let ratio = (got / expected).sqrt();
    println!(
        "error of I8: {:.2e} of the outputs, {ratio:.3} of what rounding explains",
        (got / size).sqrt()
    );
    assert!(ratio > 0.9 && ratio < 1.1);
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

/// Both comparisons must report kernels that are slightly wrong.
#[test]
fn broken_kernels_are_reported() {
    let gpu = gpu::gpu();
    let mut random = Random::new(7);
    // Two spans a part, a bias, an odd number of parts.
    let format = Format::INT4_BIAS.with_group(16).unwrap();
    let (m, n, k) = (3, 13, 352);
    let matrix = exact_matrix(format, n, k);
    let x = exact_inputs(m, k, &mut random);
    let values = rounded(&x, k, f32::round_ties_even).values(k);
    let want = oracle(&matrix.dequantize(), &values, k);
    let weights = gpu.upload(&matrix).unwrap();
    let mutants: &[(&str, &str, &str, &str)] = &[
        ("lane_tile_pairs", "as it is", "PAIRS_ADDED", "PAIRS_ADDED"),
        ("lane_tile_dp4a", "as it is", "fn main", "fn main"),
        ("gemv_dp4a", "as it is", "fn main", "fn main"),
        ("gemm_dp4a", "as it is", "fn main", "fn main"),
        ("lane_tile_pairs", "the low half left in", "t + 0x8000u", "t"),
        (
            "lane_tile_pairs",
            "odd for even",
            "let low = v >> vec4<u32>(24u)",
            "let low = v >> vec4<u32>(23u)",
        ),
        (
            "lane_tile_pairs",
            "half a sum of x",
            "return high_half(p) +",
            "return 0 *",
        ),
        ("lane_tile_pairs", "the same codes twice", "(c.low >> eight)", "c.low"),
        (
            "lane_tile_pairs",
            "the first span's affine",
            "/ GROUP)",
            "/ GROUP / 2u * 2u)",
        ),
        (
            "lane_tile_dp4a",
            "a span's sum of another",
            "return pairs[s];",
            "return pairs[1u - s];",
        ),
        (
            "lane_tile_dp4a",
            "unsigned sums",
            "halves >> vec2<u32>(16u);",
            "bitcast<vec2<i32>>(sums >> vec2<u32>(16u));",
        ),
        (
            "lane_tile_dp4a",
            "another word",
            "codes_word(v, s * (8u / SPANS) + 0u)",
            "codes_word(v, s * (8u / SPANS) + 1u)",
        ),
        ("lane_tile_dp4a", "the scale left out", "* v[0u].scale", ""),
        (
            "gemv_dp4a",
            "unsigned products",
            "return dot4I8Packed(a, b);",
            "return i32(dot4U8Packed(a, b));",
        ),
        (
            "gemv_dp4a",
            "the last part forgotten",
            "min(start + STRETCH * LANES_K, parts)",
            "min(start + STRETCH * LANES_K, parts - 1u)",
        ),
        (
            "gemm_dp4a",
            "an odd last part twice",
            "let there = first + step < parts;",
            "let there = true;",
        ),
        (
            "gemm_dp4a",
            "another row's affine",
            "affines[(p * SPANS + 0u) * TILE_N + row]",
            "affines[(p * SPANS + 0u) * TILE_N + (row ^ 1u)]",
        ),
        (
            "gemm_dp4a",
            "no swizzle on one side",
            "w_tile[swizzled(own, 2u * step)]",
            "w_tile[own * STEP * 2u + 2u * step]",
        ),
    ];
    for (kernel, what, from, to) in mutants {
        let product = common::gpu::edited(gpu, &weights, m, kernel, |text| {
            assert!(text.contains(from), "{kernel}: no {from:?}");
            text.replace(from, to)
        })
        .unwrap();
        let y = gpu::run(gpu, &x, m * n, |pass, x, y| product.encode(pass, x, y).unwrap());
        let (equal, bound) = (equal(&y, &want), within_bound(&y, &want));
        match *what {
            "as it is" => {
                equal.unwrap();
                bound.unwrap();
            }
            _ => assert!(equal.is_err() && bound.is_err(), "not reported: {kernel}, {what}"),
        }
    }
}

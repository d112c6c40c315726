//! The product on the processor: every format at every level of vector instructions, both precisions.

mod common;

use common::{Random, fitting_k, formats, oracle, random_matrix, same_bits, within_bound};
use lowbit::{Activations, CpuLevel, Format, Matrix, Precision, ScaleType, quantize_activations};

/// n, k: tasks that are not full, rows that end inside a vector, a part and a group.
const SHAPES: [(usize, usize); 5] = [(1, 8), (5, 100), (17, 257), (3, 784), (2, 2080)];
const MS: [usize; 9] = [1, 2, 3, 4, 5, 7, 8, 31, 33];

/// All shapes, each with two values of m, so that over all formats every pair occurs.
fn cases(seed: usize) -> impl Iterator<Item = ((usize, usize), usize)> {
    let shapes = SHAPES.iter().enumerate();
    shapes.flat_map(move |(i, &shape)| [0, 4].map(|j| (shape, MS[(seed + 2 * i + j) % MS.len()])))
}

/// The inputs as rounded: scale · code, which f32 holds exactly in all cases that matter.
fn rounded(x: &[f32], k: usize) -> Vec<f32> {
    let Activations { codes, scales } = quantize_activations(x, k);
    let padded = k.next_multiple_of(32);
    let rows = codes.chunks(padded).zip(scales.chunks(padded / 32));
    rows.flat_map(|(codes, scales)| {
        let value = |(i, &code): (usize, &i8)| code as f32 * scales[i / 32];
        codes[..k].iter().enumerate().map(value)
    })
    .collect()
}

/// A format without integers really has none: its levels are not whole, or its affine is rounded twice.
#[test]
fn only_formats_without_integers_say_so() {
    let mut random = Random::new(4);
    let without = formats().into_iter().filter(|format| !format.has_integers());
    let mut count = 0;
    for format in without {
        count += 1;
        let k = fitting_k(format, 256);
        let matrix = random_matrix(format, 8, k, random.next());
        let all = matrix.inspect();
        // Floats and codebooks have no codes.
        if all.codes.iter().all(|&code| code == 0) {
            continue;
        }
        let wide = format.float_fields().iter().any(|(_, scale)| *scale == ScaleType::F32);
        let has_bias = wide && format.name().contains("bias");
        let weights = matrix.dequantize();
        let whole = |(i, w): (usize, &f32)| {
            let level = f64::from(*w) / f64::from(all.scales[i / k * (all.scales.len() / 8) + i % k / 8]);
            let steps = 2.0 * level;
            (steps - steps.round()).abs() < 1e-3 && steps.abs() <= 254.0
        };
        let integers = weights.iter().enumerate().all(whole);
        assert!(
            has_bias || !integers,
            "{format} has whole levels, yet Format::has_integers says no: see Levels and Fields in its file"
        );
    }
    assert!(count > 10, "{count}");
}

#[test]
fn sums_are_within_their_bound_at_every_level() {
    let mut random = Random::new(1);
    let mut worst = 0f64;
    for (f, format) in formats().into_iter().enumerate() {
        for ((n, k), m) in cases(f) {
            let k = fitting_k(format, k);
            let matrix = random_matrix(format, n, k, random.next());
            let weights = matrix.dequantize();
            let x = random.floats(m * k, 3.0);
            let want = oracle(&weights, &x, n, k);
            for level in CpuLevel::all() {
                let y = matrix.matmul_at(&x, Precision::F32, level).unwrap();
                let error =
                    within_bound(&y, &want).unwrap_or_else(|e| panic!("{format} [{n}, {k}] m={m} {level:?}: {e}"));
                worst = worst.max(error);
            }
        }
    }
    println!("the worst of all: {worst:.2} units");
}

#[test]
fn integer_products_are_those_of_rounded_inputs() {
    let mut random = Random::new(2);
    let mut worst = 0f64;
    for (f, format) in formats().into_iter().enumerate() {
        for ((n, k), m) in cases(f) {
            let k = fitting_k(format, k);
            let matrix = random_matrix(format, n, k, random.next());
            let x = random.floats(m * k, 3.0);
            let want = oracle(&matrix.dequantize(), &rounded(&x, k), n, k);
            let exact = matrix.matmul(&x).unwrap();
            for level in CpuLevel::all() {
                let y = matrix.matmul_at(&x, Precision::I8, level).unwrap();
                if !format.has_integers() {
                    let exact = matrix.matmul_at(&x, Precision::F32, level).unwrap();
                    same_bits(&y, &exact).unwrap_or_else(|e| panic!("{format}: {e}"));
                    continue;
                }
                let error =
                    within_bound(&y, &want).unwrap_or_else(|e| panic!("{format} [{n}, {k}] m={m} {level:?}: {e}"));
                worst = worst.max(error);
                // Otherwise nothing was rounded, and the format silently fell back to F32.
                assert!(k < 32 || same_bits(&y, &exact).is_err(), "{format}");
            }
        }
    }
    println!("the worst of all: {worst:.2} units");
}

/// Everything is a small whole number times a power of two, so f32 sums round nothing and must equal the definition, in
/// integers, bit for bit.
#[test]
fn what_needs_no_rounding_is_exact() {
    let mut random = Random::new(3);
    let (n, k) = (19, 320);
    for base in [
        Format::INT8,
        Format::INT8_ASYM,
        Format::INT8_BIAS,
        Format::INT4,
        Format::INT4_ASYM,
        Format::INT4_BIAS,
        Format::INT3_ASYM,
        Format::INT3_QZEROS,
        Format::INT8_QZEROS,
        Format::TERNARY,
    ] {
        for group in [8, 16, 24, 32, 64] {
            let format = base.with_group(group).unwrap();
            let mut bytes = random_matrix(format, n, k, random.next()).bytes().to_vec();
            for row in bytes.chunks_mut(format.row_bytes(k).unwrap()) {
                for block in row.chunks_mut(format.block_bytes().unwrap()) {
                    let scale = half::f16::from_f32(2f32.powi(-3));
                    let fields = format.float_fields();
                    for &(at, _) in fields {
                        block[at..at + 2].copy_from_slice(&scale.to_le_bytes());
                    }
                    if fields.len() == 2 {
                        // The zero point or bias is a multiple of a quarter.
                        let second = half::f16::from_f32((random.next() % 64) as f32 / 4.0);
                        block[2..4].copy_from_slice(&second.to_le_bytes());
                    }
                }
            }
            let matrix = Matrix::from_bytes(format, n, k, bytes).unwrap();
            let w = matrix.dequantize();
            for m in [1, 3, 6] {
                let x = whole_inputs(&mut random, m, k);
                assert_eq!(rounded(&x, k), x, "these inputs need no rounding");
                let mut want = Vec::new();
                for x in x.chunks(k) {
                    for w in w.chunks(k) {
                        let terms = w.iter().zip(x).map(|(w, x)| *w as f64 * *x as f64);
                        want.push(terms.sum::<f64>() as f32);
                    }
                }
                for level in CpuLevel::all() {
                    for precision in [Precision::F32, Precision::I8] {
                        let y = matrix.matmul_at(&x, precision, level).unwrap();
                        same_bits(&y, &want).unwrap_or_else(|e| panic!("{format} m={m} {precision:?} {level:?}: {e}"));
                    }
                }
            }
        }
    }
}

/// In each run of 32 the largest input is 127 times a power of two, and the others are multiples of that power.
fn whole_inputs(random: &mut Random, m: usize, k: usize) -> Vec<f32> {
    let mut x = Vec::new();
    while x.len() < m * k {
        let unit = 2f32.powi((random.next() % 3) as i32 - 1);
        let len = 32.min(k - x.len() % k);
        x.push(127.0 * unit);
        x.extend((1..len).map(|_| ((random.next() % 255) as f32 - 127.0) * unit));
    }
    x
}

/// The definition again, written plainly, in f64 where that is exact.
fn definition(x: &[f32], k: usize, round: fn(f32) -> f32) -> Activations {
    let mut all = Activations {
        codes: Vec::new(),
        scales: Vec::new(),
    };
    for row in x.chunks(k) {
        for run in row.chunks(32) {
            let magnitudes = run.iter().map(|x| x.abs());
            let largest = if run.iter().any(|x| x.is_nan()) {
                f32::NAN
            } else {
                magnitudes.fold(0.0, f32::max)
            };
            let scale = largest * (1.0 / 127.0);
            let usable = largest.is_finite() && scale.is_normal();
            let code = |x: &f32| round(x * (127.0 / largest)).clamp(-127.0, 127.0) as i8;
            let mut codes = vec![0; 32];
            if usable {
                for (c, x) in codes.iter_mut().zip(run) {
                    *c = code(x);
                }
            }
            all.codes.extend(codes);
            all.scales.push(match () {
                _ if !largest.is_finite() => largest,
                _ if usable => scale,
                _ => 0.0,
            });
        }
    }
    all
}

fn same_activations(got: &Activations, want: &Activations) -> Result<(), String> {
    if let Some(i) = (0..want.codes.len()).find(|&i| got.codes.get(i) != Some(&want.codes[i])) {
        return Err(format!(
            "code {i} is {:?}, should be {}",
            got.codes.get(i),
            want.codes[i]
        ));
    }
    let is_nan = |s: &&f32| s.is_nan();
    let nans = (
        got.scales.iter().filter(is_nan).count(),
        want.scales.iter().filter(is_nan).count(),
    );
    if nans.0 != nans.1 {
        return Err(format!("{} scales are NaN, should be {}", nans.0, nans.1));
    }
    let numbers = |a: &Activations| {
        a.scales
            .iter()
            .map(|s| if s.is_nan() { 0.0 } else { *s })
            .collect::<Vec<_>>()
    };
    same_bits(&numbers(got), &numbers(want))
}

#[test]
fn inputs_are_rounded_as_defined() {
    let mut random = Random::new(4);
    for k in [1, 8, 31, 32, 33, 100, 4096] {
        for exponent in [-149, -140, -126, -120, -119, 0, 100, 127] {
            let unit = if exponent < -126 {
                2f32.powi(-126) * 2f32.powi(exponent + 126)
            } else {
                2f32.powi(exponent)
            };
            let mut x = random.floats(3 * k, unit);
            // Ties of every kind, in their own run.
            x[0] = 127.0;
            for (i, x) in x.iter_mut().enumerate().take(k.min(32)).skip(1) {
                *x = i as f32 - 16.5;
            }
            let got = quantize_activations(&x, k);
            let want = definition(&x, k, f32::round_ties_even);
            same_activations(&got, &want).unwrap_or_else(|e| panic!("k = {k}, 2^{exponent}: {e}"));
        }
    }
    for special in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut x = random.floats(3 * 40, 1.0);
        x[50] = special;
        x[51] = f32::INFINITY;
        let got = quantize_activations(&x, 40);
        same_activations(&got, &definition(&x, 40, f32::round_ties_even)).unwrap();
        assert_eq!(got.codes[64..96], [0; 32]);
    }
    // The largest floats, and zeros.
    let got = quantize_activations(&[[f32::MAX; 32], [0.0; 32]].concat(), 64);
    assert_eq!(got.codes, [[127i8; 32], [0; 32]].concat());
    assert_eq!(got.scales[1], 0.0);
    // Padding after a row is zeros, not the beginning of the next row.
    let got = quantize_activations(&[1.0; 66], 33);
    assert_eq!(got.codes[33..64], [0; 31]);
}

/// The comparison must report other roundings and codes that are off by one.
#[test]
fn the_comparisons_report_mutants() {
    let mut random = Random::new(5);
    let k = 256;
    let mut x = random.floats(k, 1.0);
    (x[0], x[1]) = (127.0, 0.5);
    let right = quantize_activations(&x, k);
    for wrong in [f32::round, f32::trunc, f32::floor] {
        let wrong = definition(&x, k, wrong);
        assert!(same_activations(&right, &wrong).is_err());
    }
    let matrix = random_matrix(Format::Q4_0, 8, k, 6);
    let want = oracle(&matrix.dequantize(), &rounded(&x, k), 8, k);
    let y = matrix.matmul_with(&x, Precision::I8).unwrap();
    assert!(within_bound(&y, &want).is_ok());
    let y = matrix.matmul_with(&x, Precision::F32).unwrap();
    assert!(within_bound(&y, &want).is_err(), "inputs that were not rounded");
    let mut bytes = matrix.bytes().to_vec();
    bytes[18 + 2 + 5] ^= 1; // in the second block, whose inputs are not all near zero

    let bent = Matrix::from_bytes(Format::Q4_0, 8, k, bytes).unwrap();
    let y = bent.matmul_with(&x, Precision::I8).unwrap();
    assert!(within_bound(&y, &want).is_err(), "one code off by one");
}

#[test]
fn what_is_no_number_stays_in_its_row() {
    let mut random = Random::new(7);
    for format in [
        Format::Q4_0,
        Format::Q4_K,
        Format::INT8_ASYM,
        Format::NF4,
        Format::IQ2_XS,
    ] {
        let (n, k) = (6, 512);
        let matrix = random_matrix(format, n, k, 8);
        for special in [f32::NAN, f32::INFINITY] {
            for m in [2, 5, 9] {
                for precision in [Precision::F32, Precision::I8] {
                    let mut x = random.floats(m * k, 1.0);
                    let clean = matrix.matmul_with(&x, precision).unwrap();
                    x[k + 77] = special;
                    for level in CpuLevel::all() {
                        let y = matrix.matmul_at(&x, precision, level).unwrap();
                        for (i, (y, clean)) in y.chunks(n).zip(clean.chunks(n)).enumerate() {
                            // Vector levels may add in different orders.
                            let near = |(y, c): (&f32, &f32)| (y - c).abs() <= 1e-3 * c.abs().max(1.0);
                            match i {
                                1 if precision == Precision::I8 && format.has_integers() => {
                                    assert!(y.iter().all(|y| y.is_nan()), "{format} {y:?}")
                                }
                                1 => assert!(y.iter().any(|y| !y.is_finite()), "{format} {y:?}"),
                                _ => assert!(y.iter().zip(clean).all(near), "{format} row {i}"),
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn threads_change_nothing() {
    let mut random = Random::new(9);
    let (n, k) = (100, 1024);
    for format in [Format::Q4_0, Format::Q6_K, Format::NF4] {
        let matrix = random_matrix(format, n, k, 10);
        for m in [1, 3, 8] {
            let x = random.floats(m * k, 1.0);
            for precision in [Precision::F32, Precision::I8] {
                let by = |threads| {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                    let product = || matrix.matmul_with(&x, precision).unwrap();
                    pool.build().unwrap().install(product)
                };
                let one = by(1);
                for threads in [2, 3, 7] {
                    same_bits(&by(threads), &one).unwrap_or_else(|e| panic!("{format} m={m}: {e}"));
                }
            }
        }
    }
}

#[test]
fn bad_calls_and_empty_ones() {
    let matrix = random_matrix(Format::Q4_0, 2, 64, 11);
    for precision in [Precision::F32, Precision::F16, Precision::I8] {
        assert_eq!(matrix.matmul_with(&[], precision), Ok(vec![]));
        let error = matrix.matmul_with(&[0.0; 65], precision).unwrap_err().to_string();
        assert!(error.contains("64") && error.contains("65"), "{error}");
    }
    let x = Random::new(12).floats(64, 1.0);
    assert_eq!(matrix.matmul_with(&x, Precision::F16), matrix.matmul(&x));
    assert!(CpuLevel::all().len() > 1 || cfg!(not(all(feature = "simd", target_arch = "x86_64"))));
}

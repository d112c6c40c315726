//! The CPU half: names, shapes, packing, the CPU product, errors.

mod common;

use common::{Random, fitting_k, formats, from_bytes, oracle, random_matrix, same_bits, within_bound};
use lowbit::{Dense, Error, Format, Group, Matrix, ScaleType};
use proptest::prelude::*;

#[test]
fn names_come_back() {
    for format in formats() {
        assert_eq!(Format::from_name(&format.to_string()), Some(format), "{format}");
        assert_eq!(Format::from_name(&format.to_string().to_uppercase()), Some(format));
        if let Some(id) = format.gguf() {
            assert_eq!(Format::from_gguf(id), Some(format));
        }
    }
    for format in Format::ALL {
        assert_eq!(Format::from_name(format.name()), Some(*format));
    }
    for name in [
        "",
        "q4",
        "int4_g",
        "int4_g7",
        "int4_g0",
        "q4_0_g64",
        "q4_0_row",
        "int4_g99999999999",
    ] {
        assert_eq!(Format::from_name(name), None, "{name}");
    }
    let unknown = "q9_9".parse::<Format>().unwrap_err().to_string();
    assert!(unknown.contains("q9_9") && unknown.contains("q4_k"), "{unknown}");
}

#[test]
fn sizes_are_those_of_the_specifications() {
    let of = |f: Format| (f.block_len().unwrap(), f.block_bytes().unwrap(), f.bits_per_weight());
    assert_eq!(of(Format::Q4_0), (32, 18, 4.5));
    assert_eq!(of(Format::Q6_K), (256, 210, 6.5625));
    assert_eq!(of(Format::TQ1_0), (256, 54, 1.6875));
    assert_eq!(of(Format::INT4.with_group(128).unwrap()), (128, 66, 4.125));
    assert_eq!(of(Format::NF4), (64, 36, 4.5));
    // A short last group: 24 groups of 32 and one of 16.
    assert_eq!(Format::INT4.row_bytes(784), Ok(24 * 18 + 2 + 8));
    assert_eq!(Format::INT1.with_group(Group::Row).unwrap().row_bytes(33), Ok(2 + 5));
}

#[test]
fn the_cpu_product_is_within_its_bound() {
    let mut random = Random::new(1);
    for format in formats() {
        for (n, k) in [(1, 8), (3, 40), (5, 257), (7, 784), (2, 4096)] {
            let k = fitting_k(format, k);
            let matrix = random_matrix(format, n, k, random.next());
            let weights = matrix.dequantize();
            for m in [1, 2, 5] {
                let x = random.floats(m * k, 3.0);
                let y = matrix.matmul(&x).unwrap();
                within_bound(&y, &oracle(&weights, &x, n, k))
                    .unwrap_or_else(|e| panic!("{format} [{n}, {k}] m={m}: {e}"));
            }
        }
    }
}

/// The bound must report a product that lacks a term or has a wrong code.
#[test]
fn the_bound_reports_mutants() {
    let mut random = Random::new(2);
    let (n, k) = (4, 512);
    let matrix = random_matrix(Format::Q4_K, n, k, 3);
    let weights = matrix.dequantize();
    let x = random.floats(k, 1.0);
    let want = oracle(&weights, &x, n, k);
    let y = matrix.matmul(&x).unwrap();
    assert!(within_bound(&y, &want).is_ok());

    let mut nan = y.clone();
    nan[2] = f32::NAN;
    assert!(within_bound(&nan, &want).is_err(), "NaN");

    let mut dropped = x.clone();
    dropped[k - 1] = 0.0;
    assert!(
        within_bound(&matrix.matmul(&dropped).unwrap(), &want).is_err(),
        "one term missing"
    );

    let mut bytes = matrix.bytes().to_vec();
    bytes[16 + 5] ^= 1; // the lowest bit of one code
    let bent = Matrix::from_bytes(Format::Q4_K, n, k, bytes).unwrap();
    assert!(
        within_bound(&bent.matmul(&x).unwrap(), &want).is_err(),
        "one code off by one"
    );

    let halves: Vec<f32> = x.iter().map(|x| half::f16::from_f32(*x).to_f32()).collect();
    assert!(
        within_bound(&matrix.matmul(&halves).unwrap(), &want).is_err(),
        "inputs in f16"
    );
}

#[test]
fn zeros_subnormal_scales_and_extreme_codes_decode() {
    for &format in Format::ALL {
        let k = fitting_k(format, 64);
        let Some(zero) = quantized(format, k, &vec![0.0; k]) else {
            continue;
        };
        assert!(zero.dequantize().iter().all(|&w| w == 0.0), "{format}");
        // Half the smallest normal f16 as the scale of every block.
        let mut bytes = random_matrix(format, 1, k, 5).bytes().to_vec();
        for block in bytes.chunks_mut(format.block_bytes().unwrap_or(usize::MAX)) {
            for &(at, scale) in format.float_fields() {
                if scale == ScaleType::F16 {
                    block[at..at + 2].copy_from_slice(&0x0200u16.to_le_bytes());
                }
            }
        }
        let tiny = Matrix::from_bytes(format, 1, k, bytes).unwrap();
        assert!(tiny.dequantize().iter().all(|w| w.is_finite()), "{format}");
        assert!(tiny.dequantize().iter().any(|&w| w != 0.0), "{format}");
    }
    let lowest = [vec![0, 0x3c], vec![0x80; 32]].concat();
    let matrix = Matrix::from_bytes(Format::Q8_0, 1, 32, lowest).unwrap();
    assert_eq!(matrix.dequantize(), [-128.0; 32]);
}

#[test]
fn bad_calls_say_both_numbers() {
    let says = |error: Error, words: &[&str]| {
        let text = error.to_string();
        for word in words {
            assert!(text.contains(word), "{text:?} lacks {word:?}");
        }
    };
    let w = vec![0.5f32; 512];
    says(
        Dense::new(1, 100, &w[..100])
            .and_then(|w| Matrix::quantize(Format::Q4_K, w))
            .unwrap_err(),
        &["q4_k", "256", "100"],
    );
    says(
        Dense::new(2, 128, &w)
            .and_then(|w| Matrix::quantize(Format::INT4, w))
            .unwrap_err(),
        &["256", "512"],
    );
    says(
        Matrix::from_bytes(Format::Q4_0, 2, 64, vec![0; 71]).unwrap_err(),
        &["72", "71"],
    );
    says(
        Matrix::from_bytes(Format::Q4_0, 0, 64, vec![]).unwrap_err(),
        &["n = 0", "k = 64"],
    );
    says(Format::INT4.with_group(12).unwrap_err(), &["int4", "12", "8"]);
    says(Format::Q4_0.with_group(64).unwrap_err(), &["q4_0", "64"]);
    says(
        Format::INT4.with_group(Group::Tensor).unwrap_err(),
        &["int4", "whole rows", "the whole tensor"],
    );
    says(
        Format::Q4_0.with_group(Group::Row).unwrap_err(),
        &["q4_0", "32", "whole rows"],
    );
    let matrix = Matrix::quantize(Format::INT8, Dense::new(2, 256, &w).unwrap()).unwrap();
    says(matrix.matmul(&w[..300]).unwrap_err(), &["256", "300"]);
    assert_eq!(matrix.matmul(&[]), Ok(vec![]));
    let mut bad = w.clone();
    bad[300] = f32::NAN;
    says(
        Dense::new(2, 256, &bad)
            .and_then(|w| Matrix::quantize(Format::INT8, w))
            .unwrap_err(),
        &["[1, 44]", "NaN"],
    );
    bad[300] = 1e30;
    says(
        Dense::new(2, 256, &bad)
            .and_then(|w| Matrix::quantize(Format::Q8_0, w))
            .unwrap_err(),
        &["q8_0", "e27", "6.5"],
    );
    // Too large for every format with f16 fields: never silently zero. Tiny weights never panic.
    for &format in Format::ALL {
        let k = fitting_k(format, 64);
        for tiny in [1e-39, 1e-45, f32::MIN_POSITIVE] {
            let Some(tiny) = quantized(format, k, &vec![tiny; k]) else {
                continue;
            };
            assert!(tiny.dequantize().iter().all(|w| w.abs() < 1e-4), "{format}");
        }
        let ramp: Vec<f32> = (0..k).map(|i| (i as f32 - 20.0) * 1e36).collect();
        let huge = Dense::new(1, k, &ramp).and_then(|w| Matrix::quantize(format, w));
        if matches!(huge, Err(Error::NoEncoder { .. })) {
            assert!(!format.has_encoder(), "{format}");
            continue;
        }
        if format.float_fields().iter().all(|&(_, s)| s == ScaleType::F16) {
            assert!(matches!(huge, Err(Error::ScaleRange { .. })), "{format}");
        } else {
            assert!(huge.unwrap().dequantize().iter().all(|w| w.is_finite()), "{format}");
        }
    }
    let huge = Matrix::from_bytes(Format::INT8, usize::MAX / 2, 64, vec![0; 8]);
    says(huge.unwrap_err(), &["limit"]);
    says(
        Matrix::from_bytes(Format::INT8, 1, usize::MAX, vec![0; 8]).unwrap_err(),
        &["limit"],
    );
}

/// One row in any format that has a quantizer.
fn quantized(format: Format, k: usize, weights: &[f32]) -> Option<Matrix<'static>> {
    let done = Dense::new(1, k, weights).and_then(|w| Matrix::quantize(format, w));
    if format.has_encoder() {
        return Some(done.unwrap());
    }
    assert!(matches!(done, Err(Error::NoEncoder { .. })), "{format}: {done:?}");
    None
}

/// The largest error of a decoded weight, for encoders with a known step: half a step plus the rounding of the f16
/// scale.
fn half_step(format: Format, group: &[f32]) -> f32 {
    let max = group.iter().fold(0f32, |m, w| m.max(w.abs()));
    let lo = group.iter().fold(0f32, |m, &w| m.min(w));
    let hi = group.iter().fold(0f32, |m, &w| m.max(w));
    let step = match format.name() {
        "int8" | "q8_0" => max / 127.0,
        "int4" | "q4_0" => max / 8.0 * 2.0, // the side without the extreme ends a step early
        "int2" => max,
        "int8_asym" | "int8_qzeros" => (hi - lo) / 255.0 * 2.0, // the rounded zero point moves all by half a step
        "int4_asym" | "int4_qzeros" => (hi - lo) / 15.0 * 2.0,
        "int2_asym" | "int2_qzeros" => (hi - lo) / 3.0 * 2.0,
        "q4_1" => (hi - lo).max(group.iter().fold(0f32, |m, w| m.max(w.abs()))) / 15.0,
        _ => return f32::INFINITY,
    };
    step * 0.5 + max * 2f32.powi(-9) + 6e-8 * 256.0
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        // A failure prints its input; no file is left in the tree.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn quantized_weights_stay_within_half_a_step(
        weights in proptest::collection::vec(-4.0f32..4.0, 96),
        which in 0..Format::ALL.len(),
    ) {
        let format = Format::ALL[which];
        let k = fitting_k(format, weights.len());
        let weights: Vec<f32> = weights.iter().cycle().take(k).copied().collect();
        let Some(matrix) = quantized(format, k, &weights) else {
            return Ok(());
        };
        let Group::Len(group) = format.group() else {
            panic!("{format} has whole rows for groups, and an encoder");
        };
        let back = matrix.dequantize();
        // Whatever the step, no decoded weight is off by more than the range of its row.
        let low = weights.iter().fold(0f32, |low, &w| low.min(w));
        let high = weights.iter().fold(0f32, |high, &w| high.max(w));
        for (w, b) in weights.iter().zip(&back) {
            prop_assert!((w - b).abs() <= high - low, "{format}: {w} became {b}, all from {low} to {high}");
        }
        for (w, b) in weights.chunks(group).zip(back.chunks(group)) {
            let allowed = half_step(format, w);
            for (w, b) in w.iter().zip(b) {
                prop_assert!((w - b).abs() <= allowed, "{format}: {w} became {b}, allowed {allowed}");
            }
        }
    }

    /// Weights that an integer format can represent are exact, at any length of row and group.
    #[test]
    fn representable_weights_come_back(
        codes in proptest::collection::vec(-2i32..=1, 1..200),
        group in 1usize..8,
        exponent in -6i32..4,
        whole_row in any::<bool>(),
    ) {
        let scale = 2f32.powi(exponent);
        let k = codes.len();
        for base in [Format::INT8, Format::INT4, Format::INT2, Format::TERNARY, Format::INT1] {
            let format = base.with_group(if whole_row { Group::Row } else { Group::Len(8 * group) }).unwrap();
            let span = if whole_row { k } else { 8 * group };
            let weights: Vec<f32> = codes.chunks(span).flat_map(|codes| {
                // The extreme code of each group fixes its scale.
                let lowest = match base.name() { "int8" => -127, "int4" => -8, "int2" => -2, _ => -1 };
                let mut codes: Vec<i32> = codes.iter().map(|&c| match base.name() {
                    "ternary" => c.clamp(-1, 1),
                    "int1" => 2 * (c >= 0) as i32 - 1,
                    _ => c,
                }).collect();
                codes[0] = lowest;
                codes.into_iter().map(|c| c as f32 * scale).collect::<Vec<_>>()
            }).collect();
            let matrix = Matrix::quantize(format, Dense::new(1, k, &weights).unwrap()).unwrap();
            prop_assert_eq!(matrix.dequantize(), weights, "{}", format);
        }
    }

    /// Bytes are stored unchanged, and no bytes make a decoder panic.
    #[test]
    fn any_bytes_decode(seed in any::<u64>(), n in 1usize..4, k in 1usize..300) {
        let mut random = Random::new(seed);
        for format in formats() {
            let k = fitting_k(format, k);
            let len = n * format.row_bytes(k).unwrap();
            let bytes: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
            let matrix = from_bytes(format, n, k, bytes.clone(), &mut random);
            prop_assert_eq!(matrix.bytes(), &bytes[..]);
            prop_assert_eq!(matrix.dequantize().len(), n * k);
            prop_assert_eq!(matrix.inspect().codes.len(), n * k);
        }
    }
}

#[test]
fn ternary_scales_are_the_least_squares_ones() {
    let mut random = Random::new(9);
    let weights = random.floats(64, 1.0);
    let format = Format::TERNARY.with_group(64).unwrap();
    let back = Matrix::quantize(format, Dense::new(1, 64, &weights).unwrap())
        .unwrap()
        .dequantize();
    let error = |back: &[f32]| -> f64 { weights.iter().zip(back).map(|(w, b)| ((w - b) as f64).powi(2)).sum() };
    // No scale on a fine grid is better by more than the rounding of the scale to f16.
    let best = (1..2000).map(|i| {
        let scale = i as f32 / 1000.0;
        let ternary: Vec<f32> = weights
            .iter()
            .map(|w| (w / scale).round().clamp(-1.0, 1.0) * scale)
            .collect();
        error(&ternary)
    });
    let best = best.fold(f64::INFINITY, f64::min);
    approx::assert_relative_eq!(error(&back), best, max_relative = 1e-3);
}

/// Every code with the exponents at both ends, where the scale or the weight is not a normal float.
#[test]
fn powers_of_two_decode_up_to_their_ends() {
    let e2m1 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0f64];
    let codes: Vec<u8> = (0..16).map(|j| j | (15 - j) << 4).collect();
    for e in [0u8, 1, 2, 127, 253, 254, 255] {
        let block = [vec![e], codes.clone()].concat();
        let matrix = Matrix::from_bytes(Format::MXFP4, 1, 32, block).unwrap();
        let want: Vec<f32> = (0..16)
            .chain((0..16).rev())
            .map(|code| {
                let magnitude = e2m1[code % 8] * 2f64.powi(e as i32 - 127);
                // ggml's code 8 is an unsigned zero.
                let sign = if code > 8 { -1.0 } else { 1.0 };
                (sign * magnitude) as f32
            })
            .collect();
        same_bits(&matrix.dequantize(), &want).unwrap_or_else(|at| panic!("e = {e}: {at}"));
    }
}

//! A `Linear` on the device against the f64 product of its effective weights, part by part.
#![cfg(feature = "gpu")]

mod common;

use common::{Random, gpu, random_matrix};
use half::f16;
use lowbit::{Format, Gpu, Linear, LinearMatMul, OutputScale, Precision, RmsNorm, Rotation};

const N: usize = 40;
const K: usize = 320;

/// The parts of a layer; each can be left out.
const PARTS: [&str; 9] = [
    "norm",
    "permutation",
    "input scales",
    "rotation",
    "outliers",
    "scale",
    "output scales",
    "output rotation",
    "bias",
];

/// A layer with those of `PARTS` that `has` selects.
fn linear(has: impl Fn(&str) -> bool, divides: bool) -> Linear {
    let mut random = Random::new(31);
    let format = Format::INT4_ASYM.with_group(64).unwrap();
    let mut linear = Linear::new(random_matrix(format, N, K, 5));
    if has("norm") {
        let weight = (0..K).map(|_| 1.5 + random.signed()).collect();
        linear = linear.with_norm(RmsNorm { weight, eps: 0.5 }).unwrap();
    }
    if has("permutation") {
        let mut order: Vec<u32> = (0..K as u32).collect();
        for i in (1..K).rev() {
            order.swap(i, random.next() as usize % (i + 1));
        }
        linear = linear.with_permutation(order).unwrap();
    }
    if has("input scales") {
        let scales = (0..K).map(|_| 1.5 + random.signed()).collect();
        linear = linear.with_input_scales(scales).unwrap();
    }
    if has("rotation") {
        let signs = signs(&mut random, K);
        linear = linear.with_rotation(Rotation { block: 64, signs }).unwrap();
    }
    if has("outliers") {
        let columns = vec![3, 200, 7];
        let weights = random.floats(3 * N, 4.0);
        let weights = weights.into_iter().map(f16::from_f32).collect();
        linear = linear.with_outliers(columns, weights).unwrap();
    }
    if has("scale") {
        let scale = if divides {
            OutputScale::Divide(0.3)
        } else {
            OutputScale::Multiply(0.3)
        };
        linear = linear.with_scale(scale).unwrap();
    }
    if has("output scales") {
        let scales = (0..N).map(|_| 1.5 + random.signed()).collect();
        linear = linear.with_output_scales(scales).unwrap();
    }
    if has("output rotation") {
        let signs = signs(&mut random, N);
        let rotation = Rotation { block: 8, signs };
        linear = linear.with_output_rotation(rotation).unwrap();
    }
    if has("bias") {
        linear = linear.with_bias(random.floats(N, 50.0)).unwrap();
    }
    linear
}

fn signs(random: &mut Random, count: usize) -> Vec<f32> {
    let sign = |_| [1.0, -1.0][random.next() as usize % 2];
    (0..count).map(sign).collect()
}

/// The first output of `y` that is off by more than rounding. Errors of a rotation spread over its block, so they
/// are measured relative to |x| |w| instead of Σ|x·w|.
fn check(linear: &Linear, x: &[f32], y: &[f32]) -> Result<(), String> {
    let weights = linear.dequantize();
    let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let (n, k) = (linear.n(), linear.k());
    assert_eq!(y.len(), x.len() / k * n);
    for (row, (x, y)) in x.chunks(k).zip(y.chunks(n)).enumerate() {
        let x = common::normed(linear, x);
        for (r, (w, y)) in weights.chunks(k).zip(y).enumerate() {
            let bias = linear.bias().map_or(0.0, |b| b[r] as f64);
            let w: Vec<f64> = w.iter().map(|&w| w as f64).collect();
            let want = bias + x.iter().zip(&w).map(|(x, w)| x * w).sum::<f64>();
            let bound = 8.0 * f32::EPSILON as f64 * (norm(&x) * norm(&w) + want.abs() + bias.abs());
            let error = (*y as f64 - want).abs();
            if !(error <= bound) {
                return Err(format!("output {r} of row {row} is {y:e}, should be {want:e}"));
            }
        }
    }
    Ok(())
}

/// Recorded into a pass, with poisoned outputs and a canary after them.
fn product(gpu: &Gpu, linear: &Linear, x: &[f32]) -> Vec<f32> {
    let weights = gpu.upload_linear(linear).unwrap();
    let m = x.len() / K;
    let product = LinearMatMul::new(gpu, &weights, m, Precision::F32).unwrap();
    gpu::run(gpu, x, m * N, |pass, x, y| product.encode(pass, x, y).unwrap())
}

#[test]
fn every_part_and_all_together() {
    let gpu = gpu::gpu();
    let x = Random::new(6).floats(9 * K, 2.0);
    let mut cases: Vec<Linear> = PARTS.iter().map(|&p| linear(|part| part == p, false)).collect();
    cases.push(linear(|_| false, false));
    cases.push(linear(|_| true, false));
    cases.push(linear(|_| true, true));
    for (i, linear) in cases.iter().enumerate() {
        for m in [1, 9] {
            let y = product(gpu, linear, &x[..m * K]);
            check(linear, &x[..m * K], &y).unwrap_or_else(|e| panic!("case {i}, m = {m}: {e}"));
        }
        let weights = gpu.upload_linear(linear).unwrap();
        check(linear, &x, &gpu.linear(&x, &weights).unwrap()).unwrap();
        check(linear, &x, &linear.matmul(&x).unwrap()).unwrap();
        let decoded = gpu.dequantize(weights.weights()).unwrap();
        common::same_bits(&linear.effective(decoded), &linear.dequantize()).unwrap();
    }
}

/// A layer without any one part must be distinguished from the whole.
#[test]
fn missing_parts_are_reported() {
    let gpu = gpu::gpu();
    let x = Random::new(6).floats(2 * K, 2.0);
    let whole = linear(|_| true, false);
    for missing in PARTS {
        let y = product(gpu, &linear(|part| part != missing, false), &x);
        assert!(check(&whole, &x, &y).is_err(), "not reported: no {missing}");
    }
    let divided = product(gpu, &linear(|_| true, true), &x);
    assert!(check(&whole, &x, &divided).is_err(), "divided");
}

#[test]
fn bad_bindings_are_errors() {
    let gpu = gpu::gpu();
    let weights = gpu.upload_linear(&linear(|_| true, false)).unwrap();
    let product = LinearMatMul::new(gpu, &weights, 2, Precision::F32).unwrap();
    let short = vec![0f32; K];
    gpu::run(gpu, &short, 0, |pass, x, y| {
        let error = product.encode(pass, x, y).unwrap_err().to_string();
        assert!(error.contains("2560") && error.contains("1280"), "{error}");
        let error = product.encode(pass, x, x).unwrap_err().to_string();
        assert!(error.contains("same buffer"), "{error}");
    });
    assert!(gpu.linear(&short[1..], &weights).is_err());
}

/// The layers of other tools: decoded on the device, their weights equal the tool's bit for bit, and their products
/// agree within rounding.
#[test]
fn layers_of_other_tools() {
    let gpu = gpu::gpu();
    let mut random = Random::new(41);
    let (mut decoded, cases) = (0, common::layouts::layouts());
    for case in cases.iter().filter(|c| !c.dequantized.is_empty()) {
        let linear = case.linear().unwrap();
        let weights = gpu.upload_linear(&linear).unwrap();
        let floats = gpu.dequantize(weights.weights()).unwrap();
        let seen = case.as_tool(&linear.effective(floats));
        common::same_bits(&seen, &case.dequantized).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let x = random.floats(2 * linear.k(), 2.0);
        let y = gpu.linear(&x, &weights).unwrap();
        check(&linear, &x, &y).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        decoded += 1;
    }
    assert_eq!(decoded, cases.len() - 1, "one case is a product, not weights");
}

//! Inputs rounded by a scale for each token, or by a scale and zero point from calibration: products of integers on the
//! device against f64 products of the rounded inputs.
#![cfg(feature = "gpu")]

mod common;

use common::{Random, gpu, random_matrix};
use lowbit::{Epilogue, Error, Format, Gpu, Group, InputScale, MatMul, Matrix, Precision, ScaleType, Weights};

const K: usize = 424; // 13 runs of 32 and a short one

const SCALES: [InputScale; 4] = [
    InputScale::Token,
    InputScale::Static {
        scale: 0.0125,
        zero_point: 0,
    },
    InputScale::Static {
        scale: 0.009,
        zero_point: -127,
    },
    InputScale::Static {
        scale: 0.011,
        zero_point: 44,
    },
];

/// m rows, each of a different size and none of them centred.
fn inputs(m: usize) -> Vec<f32> {
    let mut random = Random::new(7);
    let row = |i: usize| {
        let size = 0.25 * (1 + i % 5) as f32;
        random
            .floats(K, size)
            .into_iter()
            .map(move |x| x + 0.3 * size)
            .collect::<Vec<_>>()
    };
    (0..m).flat_map(row).collect()
}

fn build(gpu: &Gpu, w: &Weights, m: usize, scale: InputScale) -> MatMul {
    let product = MatMul::builder(gpu, w, m).precision(Precision::I8);
    product.input_scale(scale).build().unwrap()
}

/// The largest error in units of ε Σ|x·w|, where the sum includes what the zero point adds and subtracts.
fn worst(y: &[f32], w: &Matrix, x: &[f32], scale: InputScale) -> f64 {
    let (n, k) = (w.n(), w.k());
    let mut rounded = x.to_vec();
    scale.fake_quantize(&mut rounded, k).unwrap();
    let shift = match scale {
        InputScale::Static { scale, zero_point } => (scale * zero_point as f32).abs() as f64,
        _ => 0.0,
    };
    let weights = w.dequantize();
    let mut worst = 0f64;
    for (i, &y) in y.iter().enumerate() {
        let (x, w) = (&rounded[i / n * k..][..k], &weights[i % n * k..][..k]);
        let terms = || x.iter().zip(w).map(|(&x, &w)| (x as f64, w as f64));
        let right: f64 = terms().map(|(x, w)| x * w).sum();
        let size: f64 = terms().map(|(x, w)| (x.abs() + 2.0 * shift) * w.abs()).sum();
        let off = (y as f64 - right).abs() / (f32::EPSILON as f64 * size + 1e-30);
        // NaN counts as the worst.
        worst = if off <= worst { worst } else { off };
    }
    worst
}

#[test]
fn products_are_those_of_the_rounded_inputs() {
    let gpu = gpu::gpu();
    let per_row = Format::INT8
        .with_group(Group::Row)
        .unwrap()
        .with_scale(ScaleType::F32)
        .unwrap();
    for format in [per_row, Format::Q4_0, Format::INT4_ASYM, Format::Q4_1] {
        let w = random_matrix(format, 70, 416, 3);
        let w = match format.row_bytes(K) {
            Ok(_) => random_matrix(format, 70, K, 3),
            Err(_) => w,
        };
        let weights = gpu.upload(&w).unwrap();
        for m in [1, 12] {
            let x: Vec<f32> = inputs(m).chunks(K).flat_map(|row| row[..w.k()].to_vec()).collect();
            for scale in SCALES {
                let product = build(gpu, &weights, m, scale);
                let y = gpu::prepared(gpu, &product, &x);
                let name = product.kernel();
                assert!(lowbit::testing::rounded(&product).is_some(), "{format} m = {m}: {name}");
                let off = worst(&y, &w, &x, scale);
                assert!(off <= 4.0, "{format} m = {m} {scale:?} by {name}: {off} units");
                // The test would report a different rounding.
                let run = gpu::prepared(gpu, &build(gpu, &weights, m, InputScale::Run), &x);
                let other = worst(&run, &w, &x, scale);
                assert!(other > 40.0, "{format} m = {m} {scale:?}: by runs {other} units off");
            }
        }
    }
}

/// The zero point is subtracted before any epilogue, and the caller's operands stay unchanged.
#[test]
fn zero_points_come_before_epilogues() {
    let gpu = gpu::gpu();
    let w = random_matrix(Format::INT4, 40, 1024, 5);
    let weights = gpu.upload(&w).unwrap();
    let x: Vec<f32> = Random::new(9).floats(1024, 0.8);
    let scale = InputScale::Static {
        scale: 0.008,
        zero_point: -90,
    };
    let bias: Vec<f32> = Random::new(11).floats(40, 4.0);
    let mut rounded = x.clone();
    scale.fake_quantize(&mut rounded, 1024).unwrap();
    let right = w.matmul(&rounded).unwrap();
    let product = MatMul::builder(gpu, &weights, 1)
        .precision(Precision::I8)
        .kernel("gemv_dp4a")
        .input_scale(scale)
        .epilogue(Epilogue::Bias)
        .epilogue(Epilogue::Relu)
        .build()
        .unwrap();
    let inputs = [bytemuck::cast_slice(&x), bytemuck::cast_slice(&bias)];
    let y = gpu::run_with(gpu, &inputs, 40, |pass, inputs, y| {
        let bias = [inputs[1].slice(..)];
        let x = inputs[0].slice(..);
        product.encode_with(pass, x, y, &bias).unwrap()
    });
    let mut clipped = 0;
    for (i, y) in y.unwrap().into_iter().enumerate() {
        let want = (right[i] + bias[i]).max(0.0);
        clipped += (want == 0.0) as usize;
        let off = (y - want).abs();
        assert!(off <= 2e-4 * (1.0 + want), "{i}: {y}, not {want}");
    }
    assert!(clipped > 0 && clipped < 40, "{clipped} of 40 are clipped");
}

#[test]
fn what_is_no_number_and_what_is_no_scale() {
    let gpu = gpu::gpu();
    let w = random_matrix(Format::INT4, 8, 64, 5);
    let weights = gpu.upload(&w).unwrap();
    for scale in SCALES {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut x = vec![0.5; 3 * 64];
            x[64 + 40] = bad;
            let product = MatMul::builder(gpu, &weights, 3).precision(Precision::I8);
            let product = product.kernel("gemv_dp4a").input_scale(scale).build().unwrap();
            let y = gpu::prepared(gpu, &product, &x);
            let rows = y.chunks(8).map(|row| row.iter().all(|y| y.is_nan()));
            assert_eq!(rows.collect::<Vec<_>>(), [false, true, false], "{scale:?} {bad}");
        }
    }
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-40] {
        let product = MatMul::builder(gpu, &weights, 3).precision(Precision::I8);
        let refused = product.input_scale(InputScale::Static { scale, zero_point: 0 }).build();
        assert!(matches!(refused, Err(Error::Argument { .. })), "{scale}: {refused:?}");
    }
}

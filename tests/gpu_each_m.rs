//! A product for any number of rows: each number gets what a product made for it gives, to the bit.
#![cfg(feature = "gpu")]

mod common;

use bytemuck::cast_slice;
use common::gpu::{gpu, run, run_with, storage};
use common::{Random, random_matrix};
use lowbit::wgpu::{self, BufferSlice};
use lowbit::{DeviceClass, Epilogue, Error, FloatType, Format, Gpu, InputScale, MatMul, MatMulBuilder, Precision};
use lowbit::{OfOneX, Weights, testing};

const N: usize = 72;
const K: usize = 288;

fn weights(gpu: &Gpu, format: Format, n: usize, k: usize) -> Weights {
    gpu.upload(&random_matrix(format, n, k, 7)).unwrap()
}

/// Compares for these numbers of rows.
fn compare<'a>(
    gpu: &'a Gpu,
    weights: &'a Weights,
    most: usize,
    rows: impl IntoIterator<Item = usize>,
    options: impl Fn(MatMulBuilder<'a>) -> MatMulBuilder<'a>,
) {
    let (n, k) = (weights.n(), weights.k());
    let any = options(MatMul::builder(gpu, weights, most)).each_m().build().unwrap();
    assert_eq!(any.m(), most);
    let x = Random::new(3).floats(most * k, 1.0);
    for m in rows {
        let one = options(MatMul::builder(gpu, weights, m)).build().unwrap();
        assert_eq!(any.kernel_of(m).unwrap(), one.kernel(), "m = {m}");
        let x = &x[..m * k];
        let expected = run(gpu, x, m * n, |pass, x, y| one.encode(pass, x, y).unwrap());
        let got = run(gpu, x, m * n, |pass, x, y| any.encode_rows(pass, x, y, m).unwrap());
        assert_eq!(got, expected, "{any:?}, m = {m}, {}", one.kernel());
    }
}

#[test]
fn every_number_of_rows_gets_its_own_product() {
    // Rows that a part does not divide, a table of words, super-blocks.
    for (format, k, precision, most) in [
        (Format::Q4_0, K, Precision::F32, 20),
        (Format::Q4_0, K, Precision::I8, 20),
        (Format::Q4_K, 512, Precision::I8, 9),
        (Format::IQ2_XXS, 512, Precision::F32, 3),
    ] {
        let weights = weights(gpu(), format, N, k);
        let rows = [most, 1, 2, 3, 7, 8, 9, 16, 17].into_iter().filter(|m| *m <= most);
        compare(gpu(), &weights, most, rows, |b| b.precision(precision));
    }
}

/// Slices of k, too: few rows of weights leave most of a card idle.
#[test]
fn cards_have_a_kernel_for_each_number() {
    let card = gpu().with_class(DeviceClass::Gpu);
    let weights = weights(&card, Format::Q4_0, N, 2048);
    let sliced = MatMul::new(&card, &weights, 2, Precision::F32).unwrap();
    assert!(sliced.slices() > 1, "{sliced:?}");
    compare(&card, &weights, 4, [1, 2, 3, 4], |b| b);
}

/// More rows than one dispatch should take.
#[test]
fn runs_of_rows_are_those_that_are_left() {
    let weights = weights(gpu(), Format::Q8_0, 2048, 2048);
    let precisions = match gpu().class() {
        DeviceClass::Cpu => vec![Precision::F32, Precision::I8],
        _ => vec![Precision::F32],
    };
    for precision in precisions {
        let whole = MatMul::new(gpu(), &weights, 130, precision).unwrap();
        if gpu().class() == DeviceClass::Cpu {
            assert!(whole.dispatches() > 1, "{whole:?}");
        }
        compare(gpu(), &weights, 130, [130, 113, 112, 5], |b| b.precision(precision));
    }
}

#[test]
fn rows_may_be_halves() {
    let weights = weights(gpu(), Format::Q4_0, N, K);
    let any = MatMul::builder(gpu(), &weights, 9).inputs(FloatType::F16).each_m();
    let any = any.build().unwrap();
    let x = Random::new(5).floats(9 * K, 1.0);
    let x: Vec<u16> = x.into_iter().map(|x| half::f16::from_f32(x).to_bits()).collect();
    for m in [1, 5, 9] {
        let one = MatMul::builder(gpu(), &weights, m)
            .inputs(FloatType::F16)
            .build()
            .unwrap();
        let x = &x[..m * K];
        let expected = run(gpu(), x, m * N, |pass, x, y| one.encode(pass, x, y).unwrap());
        let got = run(gpu(), x, m * N, |pass, x, y| any.encode_rows(pass, x, y, m).unwrap());
        assert_eq!(got, expected, "m = {m}");
    }
}

/// Operands of one length, of one number a row, and of y's shape; a zero point of x.
#[test]
fn operands_follow_the_rows() {
    let weights = weights(gpu(), Format::Q4_0, N, K);
    let scale = InputScale::Static {
        scale: 0.01,
        zero_point: 3,
    };
    let make = |m, any| {
        let builder = MatMul::builder(gpu(), &weights, m)
            .precision(Precision::I8)
            .input_scale(scale)
            .epilogue(Epilogue::Bias)
            .epilogue(Epilogue::RowScale)
            .epilogue(Epilogue::Residual);
        if any { builder.each_m() } else { builder }.build().unwrap()
    };
    let any = make(12, true);
    let mut random = Random::new(9);
    let [x, bias, row_scale, residual] = [12 * K, N, 12, 12 * N].map(|len| random.floats(len, 1.0));
    for m in [1, 4, 12] {
        let one = make(m, false);
        let inputs = [&x[..m * K], &bias, &row_scale[..m], &residual[..m * N]].map(cast_slice);
        let outputs = |product: &MatMul| {
            run_with(gpu(), &inputs, m * N, |pass, inputs, y| {
                let operands = [1, 2, 3].map(|i| inputs[i].slice(..));
                let recorded = product.encode_rows_with(pass, inputs[0].slice(..), y, &operands, m);
                recorded.unwrap();
            })
            .unwrap()
        };
        assert_eq!(outputs(&any), outputs(&one), "m = {m}");
    }
}

#[test]
fn what_is_bound_is_recorded_again() {
    let weights = weights(gpu(), Format::Q4_0, N, K);
    let any = MatMul::builder(gpu(), &weights, 16).each_m().build().unwrap();
    let x = Random::new(11).floats(9 * K, 1.0);
    for m in [9, 1] {
        let one = MatMul::new(gpu(), &weights, m, Precision::F32).unwrap();
        let expected = run(gpu(), &x[..m * K], m * N, |pass, x, y| one.encode(pass, x, y).unwrap());
        let got = run(gpu(), &x[..m * K], m * N, |pass, x, y| {
            let bound = any.bind(x, y, &[]).unwrap();
            assert!(matches!(bound.encode_rows(pass, 10), Err(Error::Argument { .. })));
            bound.encode_rows(pass, m).unwrap();
            // Twice writes the same.
            bound.encode_rows(pass, m).unwrap();
        });
        assert_eq!(got, expected, "m = {m}");
    }
    // Room for 9 rows, and for all of a product of one m.
    let (x, y) = (storage(gpu(), (9 * K * 4) as u64), storage(gpu(), (N * 11 * 4) as u64));
    assert_eq!(any.bind(x.slice(..), y.slice(..), &[]).unwrap().m(), 9);
    let one = MatMul::new(gpu(), &weights, 9, Precision::F32).unwrap();
    assert_eq!(one.bind(x.slice(..), y.slice(..), &[]).unwrap().m(), 9);
    let ten = MatMul::new(gpu(), &weights, 10, Precision::F32).unwrap();
    assert!(matches!(
        ten.bind(x.slice(..), y.slice(..), &[]),
        Err(Error::Binding { .. })
    ));
}

#[test]
fn wrong_numbers_of_rows_are_refused() {
    let weights = weights(gpu(), Format::Q4_0, N, K);
    let any = MatMul::builder(gpu(), &weights, 4).each_m().build().unwrap();
    let one = MatMul::new(gpu(), &weights, 4, Precision::F32).unwrap();
    let x = Random::new(1).floats(4 * K, 1.0);
    run(gpu(), &x, 4 * N, |pass, x, y| {
        for (product, rows) in [(&any, 0), (&any, 5), (&one, 3)] {
            let refused = product.encode_rows(pass, x, y, rows);
            let Err(Error::Argument { what: "rows", got, .. }) = refused else {
                panic!("{rows} rows: {refused:?}")
            };
            assert_eq!(got, rows.to_string());
        }
        // Three rows of y do not hold four.
        let short = any.encode_rows(pass, x, y.buffer().slice(..(3 * N * 4) as u64), 4);
        assert!(matches!(short, Err(Error::Binding { what: "y", .. })), "{short:?}");
        any.encode_rows(pass, x, y, 4).unwrap();
    });
    let batch = MatMul::builder(gpu(), &weights, 4).batch(2).each_m().build();
    assert!(matches!(batch, Err(Error::Argument { what: "batch", .. })));
    let none = MatMul::builder(gpu(), &weights, 0).each_m().build();
    assert!(matches!(none, Err(Error::Length { what: "m", .. })));
}

/// Products of a device round their inputs into one buffer, and read no other's.
#[test]
fn rounded_inputs_share_their_memory() {
    // No other test makes it larger meanwhile.
    let gpu = &Gpu::new().unwrap();
    let weights = weights(gpu, Format::Q4_0, N, K);
    let build = |m| {
        let builder = MatMul::builder(gpu, &weights, m).precision(Precision::I8);
        builder.input_scale(InputScale::Token).build().unwrap()
    };
    let (long, short) = (build(8), build(3));
    assert_eq!(testing::rounded(&long).unwrap(), testing::rounded(&short).unwrap());
    let x = Random::new(2).floats(8 * K, 1.0);
    let expected = run(gpu, &x[..3 * K], 3 * N, |pass, x, y| short.encode(pass, x, y).unwrap());
    let other = storage(gpu, (8 * N * 4) as u64);
    let all = storage(gpu, (8 * K * 4) as u64);
    let got = run(gpu, &x[..3 * K], 3 * N, |pass, x, y| {
        long.encode(pass, all.slice(..), other.slice(..)).unwrap();
        short.encode(pass, x, y).unwrap();
        long.encode(pass, all.slice(..), other.slice(..)).unwrap();
    });
    assert_eq!(got, expected);
}

/// Queries, keys and values of one x; one that rounds it by another scale comes between.
#[test]
fn products_of_one_x_round_it_once() {
    let fixed = InputScale::Static {
        scale: 0.02,
        zero_point: 0,
    };
    let made = |format, n, scale| {
        let weights = weights(gpu(), format, n, K);
        let builder = MatMul::builder(gpu(), &weights, 5).precision(Precision::I8);
        builder.input_scale(scale).each_m().build().unwrap()
    };
    let products = [
        made(Format::Q4_0, 128, InputScale::Token),
        made(Format::Q4_1, 64, InputScale::Token),
        made(Format::Q4_0, 64, fixed),
        made(Format::Q4_0, 64, InputScale::Token),
    ];
    let x = Random::new(4).floats(5 * K, 1.0);
    for rows in [5, 2] {
        let x = &x[..rows * K];
        let outputs = |encode: fn(&mut wgpu::ComputePass, BufferSlice, &[OfOneX], usize)| {
            run(gpu(), x, rows * 320, |pass, x, y| {
                let mut at = 0;
                let mut parts: Vec<OfOneX> = Vec::new();
                for product in &products {
                    let size = (4 * rows * product.weights().n()) as u64;
                    parts.push((product, y.buffer().slice(at..at + size), &[]));
                    at += size;
                }
                encode(pass, x, &parts, rows)
            })
        };
        let expected = outputs(|pass, x, parts, rows| {
            for (product, y, _) in parts {
                product.encode_rows(pass, x, *y, rows).unwrap();
            }
        });
        let got = outputs(|pass, x, parts, rows| MatMul::encode_of_one_x(pass, x, parts, rows).unwrap());
        assert_eq!(got, expected, "{rows} rows");
    }
}

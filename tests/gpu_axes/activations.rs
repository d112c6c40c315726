//! Epilogues that are functions of one number, at values where exponentials overflow.

use crate::common::gpu;
use lowbit::{Dense, Epilogue, Format, MatMul, Matrix};

/// The formulas in exact arithmetic: -0 far below zero, where the exponential overflows, and NaN at -infinity, which is
/// infinity divided by itself.
#[test]
fn activations_far_from_zero() {
    let gpu = gpu::gpu();
    let matrix = Matrix::quantize(Format::F32, Dense::new(1, 1, &[1.0]).unwrap()).unwrap();
    let weights = gpu.upload(&matrix).unwrap();
    let x = [-1e4, -1e30, -1e36, -3e38, f32::NEG_INFINITY, 1e4, 3e38, f32::INFINITY];
    for epilogue in [Epilogue::Silu, Epilogue::GeluTanh, Epilogue::Gelu] {
        let product = MatMul::builder(gpu, &weights, x.len()).epilogue(epilogue);
        let y = gpu::prepared(gpu, &product.build().unwrap(), &x);
        for (x, y) in x.into_iter().zip(y) {
            let at = format!("{epilogue:?} of {x:e}: {y:e}");
            match x {
                f32::NEG_INFINITY => assert!(y.is_nan(), "{at}"),
                _ if x < 0.0 => assert_eq!(y.to_bits(), (-0.0f32).to_bits(), "{at}"),
                _ => assert_eq!(y, x, "{at}"),
            }
        }
    }
}

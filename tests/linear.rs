//! `Linear` against its own oracle in f64: each part alone, all together, and each left out.

mod common;
#[path = "linear/parts.rs"]
mod parts;
#[path = "linear/refused.rs"]
mod refused;

use common::{Random, same_bits};
use lowbit::{Dense, Format, Linear, Matrix, OutputScale, Rotation};
use parts::{K, N, Parts};

const PARTS: usize = 9;

fn given() -> (Matrix<'static>, Vec<f32>, Vec<f32>, Parts) {
    let mut random = Random::new(31);
    let format = Format::INT4.with_group(16).unwrap();
    let matrix = Matrix::quantize(format, Dense::new(N, K, &random.floats(N * K, 1.0)).unwrap()).unwrap();
    let (w, x) = (matrix.dequantize(), random.floats(3 * K, 2.0));
    let parts = Parts::all(&mut random);
    (matrix, w, x, parts)
}

#[test]
fn each_part_alone_and_all_together() {
    let (matrix, w, x, all) = given();
    all.check(&all.linear(&matrix), &w, &x).unwrap();
    for part in 0..PARTS {
        let one = all.only(part);
        one.check(&one.linear(&matrix), &w, &x).unwrap();
        // A missing part must be reported, both alone and among all parts.
        let none = Parts::default();
        assert!(one.check(&none.linear(&matrix), &w, &x).is_err(), "{part}");
        let rest = all.without(part);
        assert!(all.check(&rest.linear(&matrix), &w, &x).is_err(), "{part}");
        rest.check(&rest.linear(&matrix), &w, &x).unwrap();
    }
    // A scale that multiplies instead of dividing, no signs, another eps.
    let mut other = all.clone();
    other.scale = Some(OutputScale::Multiply(0.37));
    other.check(&other.linear(&matrix), &w, &x).unwrap();
    assert!(all.check(&other.linear(&matrix), &w, &x).is_err());
    for outputs in [false, true] {
        let mut unsigned = all.clone();
        let rotation = if outputs {
            &mut unsigned.output_rotation
        } else {
            &mut unsigned.rotation
        };
        rotation.as_mut().unwrap().signs.clear();
        assert!(all.check(&unsigned.linear(&matrix), &w, &x).is_err());
    }
    let mut other = all.clone();
    other.norm.as_mut().unwrap().eps = 0.0;
    assert!(all.check(&other.linear(&matrix), &w, &x).is_err());
}

/// The effective weights give the layer's outputs from its inputs, or, if there is a norm, from the inputs after the
/// norm, except in outlier columns.
#[test]
fn dequantized_weights_are_those_of_the_product() {
    let (matrix, w, x, all) = given();
    for part in 0..=PARTS {
        let parts = if part < PARTS { all.only(part) } else { all.clone() };
        let linear = parts.linear(&matrix);
        let effective = linear.dequantize();
        for x in x.chunks(K) {
            for (row, (want, magnitude)) in parts.oracle(&w, x).into_iter().enumerate() {
                let weights = effective[row * K..][..K].iter();
                let mut normed = parts.normed(x);
                for &column in linear.outliers().unwrap_or_default().0 {
                    normed[column as usize] = x[column as usize] as f64;
                }
                let sum: f64 = weights.zip(normed).map(|(w, x)| *w as f64 * x).sum();
                let bias = parts.bias.as_ref().map_or(0.0, |b| b[row] as f64);
                let error = (sum + bias - want).abs();
                // Rotated weights are rounded, each to a few ε of the largest of its block.
                let bound = 64.0 * f32::EPSILON as f64 * magnitude.max(1.0);
                assert!(error <= bound, "part {part}, row {row}: {error:e} of {bound:e}");
            }
        }
    }
}

/// Without a rotation or input scales only the scale rounds, once.
#[test]
fn dequantized_weights_are_exact() {
    let (matrix, w, _, all) = given();
    let linear = Linear::new(matrix.clone());
    let permutation = all.permutation.clone().unwrap();
    let scaled = |scale: OutputScale| {
        let linear = linear.clone().with_scale(scale).unwrap();
        linear.with_permutation(permutation.clone()).unwrap().dequantize()
    };
    let expected = |f: &dyn Fn(f32) -> f32| {
        let mut out = vec![0f32; N * K];
        for (i, w) in w.iter().enumerate() {
            out[i / K * K + permutation[i % K] as usize] = f(*w);
        }
        out
    };
    let divided = scaled(OutputScale::Divide(0.37));
    same_bits(&divided, &expected(&|w| w / 0.37)).unwrap();
    assert!(same_bits(&divided, &expected(&|w| w * (1.0 / 0.37))).is_err());
    same_bits(&scaled(OutputScale::Multiply(0.37)), &expected(&|w| w * 0.37)).unwrap();
}

#[test]
fn no_outliers_and_no_rows() {
    let (matrix, w, x, _) = given();
    let linear = Linear::new(matrix.clone()).with_outliers(vec![], vec![]).unwrap();
    Parts::default().check(&linear, &w, &x).unwrap();
    assert_eq!(linear.matmul(&[]).unwrap(), [0f32; 0]);
    assert_eq!(linear.dequantize(), w);
    // A rotation block of one input, and one of all inputs.
    for block in [1, K] {
        let mut parts = Parts::default();
        let signs = vec![1.0; K];
        parts.rotation = Some(Rotation { block, signs });
        parts.check(&parts.linear(&matrix), &w, &x).unwrap();
    }
}

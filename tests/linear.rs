//! `Linear` against its own oracle in f64: each part alone, all together, and each left out.

mod common;

use common::{Random, same_bits};
use half::f16;
use lowbit::{Dense, Error, Format, Linear, Matrix, OutputScale, RmsNorm, Rotation};

const N: usize = 8;
const K: usize = 64;

/// The parts of a layer as plain values, for the oracle.
#[derive(Clone, Default)]
struct Parts {
    norm: Option<RmsNorm>,
    permutation: Option<Vec<u32>>,
    input_scales: Option<Vec<f32>>,
    rotation: Option<Rotation>,
    outliers: Option<(Vec<u32>, Vec<f16>)>,
    scale: Option<OutputScale>,
    output_scales: Option<Vec<f32>>,
    output_rotation: Option<Rotation>,
    bias: Option<Vec<f32>>,
}

/// Entry [i, j] of a rotation's matrix H, from its definition and not as a fast transform.
fn entry(block: usize, i: usize, j: usize) -> f64 {
    match (i / block == j / block, (i & (j % block)).count_ones() % 2) {
        (false, _) => 0.0,
        (true, 0) => 1.0 / (block as f64).sqrt(),
        (true, _) => -1.0 / (block as f64).sqrt(),
    }
}

impl Parts {
    fn all(random: &mut Random) -> Parts {
        let columns = vec![3, 40, 17];
        let weights = random.floats(N * columns.len(), 2.0);
        let signs = random.floats(K, 1.0);
        let output_signs = random.floats(N, 1.0);
        Parts {
            norm: Some(RmsNorm {
                weight: random.floats(K, 2.0),
                eps: 0.25,
            }),
            permutation: Some((0..K as u32).map(|j| j * 27 % K as u32).collect()),
            input_scales: Some(random.floats(K, 3.0)),
            rotation: Some(Rotation {
                block: 16,
                signs: signs.iter().map(|s| s.signum()).collect(),
            }),
            outliers: Some((columns, weights.into_iter().map(f16::from_f32).collect())),
            scale: Some(OutputScale::Divide(0.37)),
            output_scales: Some(random.floats(N, 3.0)),
            output_rotation: Some(Rotation {
                block: 4,
                signs: output_signs.iter().map(|s| s.signum()).collect(),
            }),
            bias: Some(random.floats(N, 5.0)),
        }
    }

    fn linear(&self, matrix: &Matrix<'static>) -> Linear {
        let mut linear = Linear::new(matrix.clone());
        let parts = self.clone();
        if let Some(norm) = parts.norm {
            linear = linear.with_norm(norm).unwrap();
        }
        if let Some(p) = parts.permutation {
            linear = linear.with_permutation(p).unwrap();
        }
        if let Some(s) = parts.input_scales {
            linear = linear.with_input_scales(s).unwrap();
        }
        if let Some(r) = parts.rotation {
            linear = linear.with_rotation(r).unwrap();
        }
        if let Some((columns, weights)) = parts.outliers {
            linear = linear.with_outliers(columns, weights).unwrap();
        }
        if let Some(s) = parts.scale {
            linear = linear.with_scale(s).unwrap();
        }
        if let Some(s) = parts.output_scales {
            linear = linear.with_output_scales(s).unwrap();
        }
        if let Some(r) = parts.output_rotation {
            linear = linear.with_output_rotation(r).unwrap();
        }
        if let Some(b) = parts.bias {
            linear = linear.with_bias(b).unwrap();
        }
        linear
    }

    /// One row of outputs from the definition, and the magnitude of the sum for each.
    fn oracle(&self, w: &[f32], x: &[f32]) -> Vec<(f64, f64)> {
        let mut h = self.normed(x);
        if let Some((columns, _)) = &self.outliers {
            columns.iter().for_each(|&c| h[c as usize] = 0.0);
        }
        if let Some(scales) = &self.input_scales {
            h = h.iter().zip(scales).map(|(h, s)| h * *s as f64).collect();
        }
        if let Some(Rotation { block, signs }) = &self.rotation {
            let signed: Vec<f64> = h.iter().zip(signs).map(|(h, s)| h * *s as f64).collect();
            for (i, h) in h.iter_mut().enumerate() {
                *h = (0..K).map(|j| entry(*block, i, j) * signed[j]).sum();
            }
        }
        if let Some(permutation) = &self.permutation {
            h = permutation.iter().map(|&from| h[from as usize]).collect();
        }
        let outputs: Vec<(f64, f64)> = (0..N)
            .map(|row| {
                let (mut sum, mut magnitude) = (0.0, 0.0);
                for (w, h) in w[row * K..][..K].iter().zip(&h) {
                    sum += *w as f64 * h;
                    magnitude += (*w as f64 * h).abs();
                }
                let scale = match self.scale {
                    Some(OutputScale::Multiply(s)) => s as f64,
                    Some(OutputScale::Divide(s)) => 1.0 / s as f64,
                    None => 1.0,
                };
                let own = self.output_scales.as_ref().map_or(1.0, |s| s[row] as f64);
                let scale = scale * own;
                (sum, magnitude) = (sum * scale, magnitude * scale.abs());
                if let Some((columns, weights)) = &self.outliers {
                    for (i, &column) in columns.iter().enumerate() {
                        let w = weights[row * columns.len() + i].to_f64();
                        sum += w * x[column as usize] as f64;
                        magnitude += (w * x[column as usize] as f64).abs();
                    }
                }
                (sum, magnitude)
            })
            .collect();
        (0..N)
            .map(|row| {
                let (mut sum, mut magnitude) = match &self.output_rotation {
                    None => outputs[row],
                    Some(Rotation { block, signs }) => {
                        let turned = |i: usize| signs[row] as f64 * entry(*block, row, i);
                        outputs.iter().enumerate().fold((0.0, 0.0), |all, (i, of)| {
                            let weight = turned(i);
                            (all.0 + weight * of.0, all.1 + weight.abs() * of.1)
                        })
                    }
                };
                if let Some(bias) = &self.bias {
                    sum += bias[row] as f64;
                    magnitude += bias[row].abs() as f64;
                }
                (sum, magnitude)
            })
            .collect()
    }

    /// The inputs after the norm.
    fn normed(&self, x: &[f32]) -> Vec<f64> {
        let x = x.iter().map(|&x| x as f64);
        match &self.norm {
            None => x.collect(),
            Some(RmsNorm { weight, eps }) => {
                let mean = x.clone().map(|x| x * x).sum::<f64>() / K as f64;
                let inverse = 1.0 / (mean + *eps as f64).sqrt();
                x.zip(weight).map(|(x, w)| x * inverse * *w as f64).collect()
            }
        }
    }

    /// Whether a product agrees with the definition: within 16 roundings of what is summed, a few more than for a plain
    /// product, since input scales and rotation round inputs too.
    fn check(&self, linear: &Linear, w: &[f32], x: &[f32]) -> Result<(), String> {
        let y = linear.matmul(x).unwrap();
        for (y, x) in y.chunks(N).zip(x.chunks(K)) {
            for (i, (y, (want, magnitude))) in y.iter().zip(self.oracle(w, x)).enumerate() {
                let error = (*y as f64 - want).abs();
                if !(error <= 16.0 * f32::EPSILON as f64 * magnitude) {
                    return Err(format!("output {i} is {y}, should be {want}"));
                }
            }
        }
        Ok(())
    }

    fn only(&self, part: usize) -> Parts {
        let mut one = Parts::default();
        match part {
            0 => one.permutation = self.permutation.clone(),
            1 => one.input_scales = self.input_scales.clone(),
            2 => one.rotation = self.rotation.clone(),
            3 => one.outliers = self.outliers.clone(),
            4 => one.scale = self.scale,
            5 => one.output_scales = self.output_scales.clone(),
            6 => one.norm = self.norm.clone(),
            7 => one.output_rotation = self.output_rotation.clone(),
            _ => one.bias = self.bias.clone(),
        }
        one
    }

    fn without(&self, part: usize) -> Parts {
        let mut rest = self.clone();
        match part {
            0 => rest.permutation = None,
            1 => rest.input_scales = None,
            2 => rest.rotation = None,
            3 => rest.outliers = None,
            4 => rest.scale = None,
            5 => rest.output_scales = None,
            6 => rest.norm = None,
            7 => rest.output_rotation = None,
            _ => rest.bias = None,
        }
        rest
    }
}

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
fn parts_that_do_not_fit() {
    let (matrix, ..) = given();
    let linear = || Linear::new(matrix.clone());
    let message = |result: lowbit::Result<Linear>| match result.unwrap_err() {
        error @ Error::Part { .. } => error.to_string(),
        other => panic!("{other}"),
    };
    let count: Vec<u32> = (0..K as u32).collect();
    let with = |change: &dyn Fn(&mut Vec<u32>)| {
        let mut permutation = count.clone();
        change(&mut permutation);
        message(linear().with_permutation(permutation))
    };
    assert_eq!(with(&|p| p.truncate(5)), "permutation: its length should be 64, got 5");
    assert_eq!(with(&|p| p[2] = 64), "permutation: number 2 should be under 64, got 64");
    assert_eq!(
        with(&|p| p[3] = 1),
        "permutation: number 3 should be there once, got 1, as number 1 is"
    );
    assert_eq!(
        with(&|p| p[0] = u32::MAX),
        format!("permutation: number 0 should be under 64, got {}", u32::MAX)
    );

    let nan = |count: usize| {
        let mut values = vec![1.0; count];
        values[1] = f32::NAN;
        values
    };
    assert_eq!(
        message(linear().with_input_scales(vec![1.0; K - 1])),
        "input scales: its length should be 64, got 63"
    );
    assert_eq!(
        message(linear().with_input_scales(nan(K))),
        "input scales: number 1 should be finite, got NaN"
    );
    assert_eq!(
        message(linear().with_output_scales(vec![1.0; N + 1])),
        "output scales: its length should be 8, got 9"
    );
    assert_eq!(
        message(linear().with_output_scales(nan(N))),
        "output scales: number 1 should be finite, got NaN"
    );
    assert_eq!(
        message(linear().with_bias(vec![0.0; 9])),
        "bias: its length should be 8, got 9"
    );
    assert_eq!(
        message(linear().with_bias(nan(N))),
        "bias: number 1 should be finite, got NaN"
    );

    let rotation = |block, signs| message(linear().with_rotation(Rotation { block, signs }));
    for block in [0, 3, 128, 48] {
        assert_eq!(
            rotation(block, vec![]),
            format!("rotation: its block should be a power of two that divides k = 64, got {block}")
        );
    }
    assert_eq!(
        rotation(8, vec![1.0; 3]),
        "rotation signs: its length should be 64, got 3"
    );
    assert_eq!(
        rotation(8, vec![2.0; K]),
        "rotation signs: number 0 should be 1 or -1, got 2"
    );
    assert_eq!(
        rotation(8, nan(K)),
        "rotation signs: number 1 should be 1 or -1, got NaN"
    );

    let block = 16;
    let signs = vec![];
    assert_eq!(
        message(linear().with_output_rotation(Rotation { block, signs })),
        "output rotation: its block should be a power of two that divides n = 8, got 16"
    );
    let block = 8;
    let signs = vec![1.0; K];
    assert_eq!(
        message(linear().with_output_rotation(Rotation { block, signs })),
        "output rotation signs: its length should be 8, got 64"
    );
    let norm = |weight, eps| message(linear().with_norm(RmsNorm { weight, eps }));
    assert_eq!(norm(vec![1.0; N], 0.0), "norm weights: its length should be 64, got 8");
    assert_eq!(norm(nan(K), 0.0), "norm weights: number 1 should be finite, got NaN");
    for eps in [-1.0, f32::INFINITY] {
        assert_eq!(
            norm(vec![1.0; K], eps),
            format!("norm: its eps should be finite and not negative, got {eps}")
        );
    }

    let outliers =
        |columns: Vec<u32>, weights: usize| message(linear().with_outliers(columns, vec![f16::ONE; weights]));
    assert_eq!(
        outliers(vec![64], N),
        "outlier columns: number 0 should be under 64, got 64"
    );
    assert_eq!(
        outliers(vec![1, 1], 2 * N),
        "outlier columns: number 1 should be there once, got 1, as number 0 is"
    );
    assert_eq!(
        outliers(vec![1], N + 1),
        "outlier weights: its length should be 8, got 9"
    );
    assert_eq!(
        outliers(vec![0; K + 1], N * (K + 1)),
        "outlier columns: its length should be at most 64, got 65"
    );
    let infinite = linear().with_outliers(vec![0], vec![f16::INFINITY; N]);
    assert_eq!(message(infinite), "outlier weights: number 0 should be finite, got inf");

    for scale in [OutputScale::Multiply(f32::NAN), OutputScale::Divide(f32::INFINITY)] {
        assert!(message(linear().with_scale(scale)).starts_with("scale: number 0 should be finite"));
    }
    assert_eq!(
        message(linear().with_scale(OutputScale::Divide(0.0))),
        "scale: what is divided by should be not 0, got 0"
    );
    let error = linear().matmul(&[0.0; K + 1]).unwrap_err();
    assert!(matches!(error, Error::Inputs { k: K, got, .. } if got == K + 1));
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

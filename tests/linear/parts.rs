//! A layer's parts as plain values, and its outputs from the definition in f64.

use crate::common::Random;
use half::f16;
use lowbit::{Linear, Matrix, OutputScale, RmsNorm, Rotation};

pub const N: usize = 8;
pub const K: usize = 64;

/// The parts of a layer as plain values, for the oracle.
#[derive(Clone, Default)]
pub struct Parts {
    pub norm: Option<RmsNorm>,
    pub permutation: Option<Vec<u32>>,
    pub input_scales: Option<Vec<f32>>,
    pub rotation: Option<Rotation>,
    pub outliers: Option<(Vec<u32>, Vec<f16>)>,
    pub scale: Option<OutputScale>,
    pub output_scales: Option<Vec<f32>>,
    pub output_rotation: Option<Rotation>,
    pub bias: Option<Vec<f32>>,
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
    pub fn all(random: &mut Random) -> Parts {
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

    pub fn linear(&self, matrix: &Matrix<'static>) -> Linear {
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
    pub fn oracle(&self, w: &[f32], x: &[f32]) -> Vec<(f64, f64)> {
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
    pub fn normed(&self, x: &[f32]) -> Vec<f64> {
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
    pub fn check(&self, linear: &Linear, w: &[f32], x: &[f32]) -> Result<(), String> {
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

    pub fn only(&self, part: usize) -> Parts {
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

    pub fn without(&self, part: usize) -> Parts {
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

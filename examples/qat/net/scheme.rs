//! How training quantizes a layer's weights, and the packed matrix that holds exactly the same.

use super::Fallible;
use super::mlp::Layer;
use half::f16;
use lowbit::train::bitnet;
use lowbit::train::lsq::{CodeRange, Lsq};
use lowbit::{Dense, Format, Group, Matrix, ScaleType};

/// How weights are quantized.
#[derive(Clone, Copy, PartialEq)]
pub enum Scheme {
    Float,
    /// BitNet's: ternary, with a γ for each group of a row.
    Ternary {
        group: usize,
    },
    /// The same, with one γ for the tensor.
    TernaryTensor,
    /// LSQ with codes −8 to 7, with a step for each group of a row.
    Int4 {
        group: usize,
    },
}

/// A layer's scheme with its learned parameters.
pub enum Quantizer {
    Float,
    /// Weights in a row, which of them share γ, and the format.
    Ternary(usize, Group, Format),
    /// The steps are learned in f32 and used as the f16 that is stored.
    Int4(Lsq, Format, Vec<f32>),
}

/// LSQ's steps stay above this: the smallest f16 of full precision.
const LEAST_STEP: f32 = 6.2e-5;

impl Quantizer {
    pub fn new(scheme: Scheme, layer: &Layer) -> Fallible<Quantizer> {
        let k = layer.k;
        Ok(match scheme {
            Scheme::Float => Quantizer::Float,
            Scheme::Ternary { group } => Quantizer::Ternary(k, Group::Len(group), Format::TERNARY.with_group(group)?),
            // The packed matrix stores a copy of γ for each row.
            Scheme::TernaryTensor => Quantizer::Ternary(k, Group::Tensor, Format::TERNARY.with_group(Group::Row)?),
            Scheme::Int4 { group } => {
                let lsq = Lsq::new(k, Group::Len(group), CodeRange::signed(4)?);
                let steps = lsq.init(&layer.w)?;
                Quantizer::Int4(lsq, Format::INT4.with_group(group)?, steps)
            }
        })
    }

    /// The weights that products use.
    pub fn forward(&self, w: &[f32]) -> Fallible<Vec<f32>> {
        Ok(match self {
            Quantizer::Float => w.to_vec(),
            Quantizer::Ternary(k, group, _) => bitnet::weights_forward(w, *k, *group, ScaleType::F16)?.values,
            Quantizer::Int4(lsq, _, steps) => lsq.forward(w, &stored(steps))?,
        })
    }

    /// The gradients of the weights and of the steps (empty where there are none).
    pub fn backward(&self, w: &[f32], dy: &[f32]) -> Fallible<(Vec<f32>, Vec<f32>)> {
        Ok(match self {
            Quantizer::Float => (dy.to_vec(), Vec::new()),
            Quantizer::Ternary(..) => (bitnet::weights_backward(dy), Vec::new()),
            Quantizer::Int4(lsq, _, steps) => {
                let gradients = lsq.backward(w, &stored(steps), dy)?;
                (gradients.v, gradients.s)
            }
        })
    }

    /// What is learned in addition to the weights.
    pub fn steps(&mut self) -> &mut [f32] {
        match self {
            Quantizer::Int4(_, _, steps) => steps,
            _ => &mut [],
        }
    }

    /// Clamps the steps to their valid range.
    pub fn keep_in_range(&mut self) {
        self.steps().iter_mut().for_each(|s| *s = s.max(LEAST_STEP));
    }

    /// The weights as a packed matrix, checked to decode to the result of `forward`.
    pub fn export(&self, layer: &Layer) -> Fallible<Matrix<'static>> {
        let (n, k, w) = (layer.n, layer.k, &layer.w);
        let matrix = match self {
            Quantizer::Float => Matrix::quantize(Format::F32, Dense::new(n, k, w)?)?,
            Quantizer::Ternary(k, group, format) => {
                let ternary = bitnet::weights_forward(w, *k, *group, ScaleType::F16)?;
                let mut scales = ternary.scales;
                if scales.len() == 1 {
                    scales = vec![scales[0]; n];
                }
                let fields: Vec<_> = ternary.codes.iter().map(|&c| (c + 1) as u8).collect();
                pack::<2>(*format, (n, *k), &fields, &scales)?
            }
            Quantizer::Int4(lsq, format, steps) => {
                let steps = stored(steps);
                let codes = lsq.codes(w, &steps)?;
                let fields: Vec<_> = codes.iter().map(|&c| (c + 8) as u8).collect();
                pack::<4>(*format, (n, k), &fields, &steps)?
            }
        };
        if matrix.dequantize() != self.forward(w)? {
            return Err(format!("{} decodes to other weights than were trained", matrix.format()).into());
        }
        Ok(matrix)
    }
}

/// Steps rounded to f16.
fn stored(steps: &[f32]) -> Vec<f32> {
    steps.iter().map(|&s| f16::from_f32(s).to_f32()).collect()
}

/// Blocks of an f16 scale and fields of `BITS` bits, lowest bits first; the last block of a row may be short.
fn pack<const BITS: usize>(
    format: Format,
    (n, k): (usize, usize),
    fields: &[u8],
    scales: &[f32],
) -> Fallible<Matrix<'static>> {
    let group = match format.group() {
        Group::Len(group) => group,
        _ => k,
    };
    let blocks = fields.chunks(k).flat_map(|row| row.chunks(group));
    let mut bytes = Vec::new();
    for (block, scale) in blocks.zip(scales) {
        bytes.extend(f16::from_f32(*scale).to_le_bytes());
        for fields in block.chunks(8 / BITS) {
            let byte = fields.iter().rev().fold(0, |byte, f| byte << BITS | f);
            bytes.push(byte);
        }
    }
    Ok(Matrix::from_bytes(format, n, k, bytes)?)
}

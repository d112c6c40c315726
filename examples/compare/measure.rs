//! What quantization costs: the error of weights and of outputs on captured inputs, and perplexity.

use crate::llama::calibration::Calibration;
use crate::llama::methods::Quantized;
use crate::llama::perplexity::{Difference, Losses};
use crate::llama::scaled::unscaled;
use crate::llama::{Llama, Place};
use crate::model::Fallible;
use lowbit::{Dense, Format, Matrix};

/// One way to store a model, and its measurements.
pub struct Row {
    pub method: String,
    pub format: String,
    pub bits: f64,
    /// Relative squared errors: see `Errors`.
    pub weights: f64,
    pub outputs: Option<f64>,
    pub language: Option<Language>,
}

/// A language model's results on the evaluation texts.
pub struct Language {
    pub perplexity: f64,
    /// The loss of a token over that of floats, and over that of the same format rounded to nearest.
    pub over_float: Difference,
    pub over_rtn: Option<Difference>,
}

/// ‖Ŵ - W‖² / ‖W‖² and ‖(Ŵ - W) X‖² / ‖W X‖² of each linear, averaged with its number of weights.
pub struct Errors {
    pub weights: f64,
    pub outputs: f64,
}

/// A mean of relative errors, each weighted by its number of weights.
#[derive(Default)]
pub struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    pub fn add(&mut self, error: f64, weights: usize) {
        self.sum += error * weights as f64;
        self.count += weights as f64;
    }

    pub fn value(&self) -> f64 {
        self.sum / self.count
    }
}

/// The model in floats that others are compared with.
pub struct Reference<'a> {
    pub llama: &'a Llama,
    pub calibration: &'a Calibration,
    pub losses: Losses,
}

impl Reference<'_> {
    pub fn errors(&self, quantized: &Quantized) -> Fallible<Errors> {
        let (mut weights, mut outputs) = (Mean::default(), Mean::default());
        for (i, layer) in self.llama.layers.iter().enumerate() {
            for place in Place::ALL {
                let floats = layer.shared[place as usize].weights();
                let mut packed = quantized.llama.layers[i].shared[place as usize].weights();
                let x = self.calibration.sample(i, place);
                for (index, (w, q)) in floats.iter().zip(&mut packed).enumerate() {
                    if let Some(scales) = &quantized.scales {
                        unscaled(q, &scales[i], place, index);
                    }
                    let k = layer.shared[place as usize].linears[index].linear.k();
                    let error: Vec<f32> = q.iter().zip(w).map(|(q, w)| q - w).collect();
                    weights.add(square(&error) / square(w), w.len());
                    outputs.add(output(&error, k, x)? / output(w, k, x)?, w.len());
                }
            }
        }
        Ok(Errors {
            weights: weights.value(),
            outputs: outputs.value(),
        })
    }
}

/// ‖w‖²
pub fn square(w: &[f32]) -> f64 {
    w.iter().map(|&w| f64::from(w) * f64::from(w)).sum()
}

/// ‖w x‖², for rows of k.
pub fn output(w: &[f32], k: usize, x: &[f32]) -> Fallible<f64> {
    let matrix = Matrix::quantize(Format::F32, Dense::new(w.len() / k, k, w)?)?;
    Ok(square(&matrix.matmul(x)?))
}

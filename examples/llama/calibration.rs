//! The inputs of a model's linears when it reads texts: a sample of them, and the mean of their squares, which is
//! llama.cpp's importance of a column.

use super::text::Texts;
use super::{Llama, Place};
use crate::model::Fallible;
use lowbit::calibrate::imatrix::Importance;

/// Rows of inputs kept for each place, sampled at equal intervals.
const ROWS: usize = 2048;

pub struct Calibration {
    /// Rows of inputs, by block and `Place`.
    samples: Vec<[Vec<f32>; 4]>,
    pub importance: Importance,
}

impl Calibration {
    /// One pass over all texts.
    pub fn of(llama: &mut Llama, texts: &Texts) -> Fallible<Calibration> {
        let mut samples = vec![[const { Vec::new() }; 4]; llama.layers.len()];
        let mut importance = Importance::new();
        llama.walk(&texts.inputs(), &mut |layer, place, shared, x| {
            let k = shared.linears[0].linear.k();
            let stride = (x.len() / k).div_ceil(ROWS).max(1);
            let rows = x.chunks(k).step_by(stride);
            samples[layer][place as usize] = rows.flatten().copied().collect();
            for named in &shared.linears {
                importance.add(&named.name, k, x)?;
            }
            Ok(())
        })?;
        Ok(Calibration { samples, importance })
    }

    /// Rows of inputs of the linears at a place.
    pub fn sample(&self, layer: usize, place: Place) -> &[f32] {
        &self.samples[layer][place as usize]
    }

    /// The importance of each column of the weights `name`.
    pub fn importance_of(&self, name: &str) -> Fallible<Vec<f32>> {
        let means = self.importance.means(name);
        Ok(means.ok_or_else(|| format!("{name} was not calibrated"))?)
    }
}

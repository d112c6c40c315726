//! AWQ's factors, folded where they cost nothing: the operation before a place (a norm, or the linear whose rows give
//! its inputs) is divided by s, and the weights of the place are multiplied by s. The model computes the same.

use super::calibration::Calibration;
use super::{Llama, Place, Shared};
use crate::model::Fallible;
use lowbit::quantize::awq::{Awq, fold_into_norm, fold_into_rows};
use lowbit::{Dense, Format, Linear, Matrix};

/// s of each place of each block.
pub type Scales = Vec<[Vec<f32>; 4]>;

/// Searches s at each place, for the format of its first linear, and folds it.
pub fn scale(
    llama: &mut Llama,
    calibration: &Calibration,
    awq: &Awq,
    format_of: &dyn Fn(&str) -> Format,
    progress: &(dyn Fn(f32) + Sync),
) -> Fallible<Scales> {
    let count = llama.layers.len();
    let mut all = Scales::new();
    // Find all before folding any, because folding changes the weights of the previous place.
    for (i, layer) in llama.layers.iter().enumerate() {
        let mut found = [const { Vec::new() }; 4];
        for place in Place::ALL {
            let shared = &layer.shared[place as usize];
            let k = shared.linears[0].linear.k();
            // With grouped queries, several inputs of the output projection come from one row of values, which cannot
            // take a factor for each.
            if place == Place::AttentionOutput && llama.shape.heads != llama.shape.kv_heads {
                found[place as usize] = vec![1.0; k];
                continue;
            }
            let weights = shared.weights();
            let layers: lowbit::Result<Vec<Dense>> = shared
                .linears
                .iter()
                .zip(&weights)
                .map(|(named, w)| Dense::new(named.linear.n(), k, w))
                .collect();
            let format = format_of(&shared.linears[0].name);
            let x = calibration.sample(i, place);
            let before = (4 * i + place as usize) as f32;
            let scales = awq.search_scales(format, &layers?, x, &|done| {
                progress((before + done) / (4 * count) as f32)
            })?;
            found[place as usize] = scales.scales;
        }
        all.push(found);
    }
    for (layer, scales) in llama.layers.iter_mut().zip(&all) {
        let [attention, output, feed, down] = &mut layer.shared;
        let [a, o, f, d] = scales;
        fold_into_norm(&mut layer.norms[0], None, a)?;
        fold_into_norm(&mut layer.norms[1], None, f)?;
        attention.multiply(a, [None, None, Some(o)])?;
        output.multiply(o, [None; 3])?;
        feed.multiply(f, [None, Some(d), None])?;
        down.multiply(d, [None; 3])?;
    }
    Ok(all)
}

impl Shared {
    /// The weights of each linear, n rows of k.
    pub fn weights(&self) -> Vec<Vec<f32>> {
        let linears = self.linears.iter();
        linears.map(|named| named.linear.dequantize()).collect()
    }

    /// W ← diag(1 / rows) W diag(columns), of floats, `rows` for each linear.
    fn multiply(&mut self, columns: &[f32], rows: [Option<&Vec<f32>>; 3]) -> Fallible<()> {
        for (named, rows) in self.linears.iter_mut().zip(rows) {
            let (n, k) = (named.linear.n(), named.linear.k());
            let mut weights = named.linear.dequantize();
            for row in weights.chunks_mut(k) {
                row.iter_mut().zip(columns).for_each(|(w, s)| *w *= s);
            }
            // With grouped queries there are fewer rows than factors, which are all 1.
            if let Some(rows) = rows.filter(|rows| rows.len() == n) {
                fold_into_rows(&mut weights, k, None, rows)?;
            }
            named.linear = Linear::new(Matrix::quantize(Format::F32, Dense::new(n, k, &weights)?)?);
        }
        Ok(())
    }
}

/// Undoes `scale` in the weights of the linear `index` at `place`.
pub fn unscaled(weights: &mut [f32], scales: &[Vec<f32>; 4], place: Place, index: usize) {
    let columns = &scales[place as usize];
    let rows = match (place, index) {
        (Place::Attention, 2) => Some(&scales[Place::AttentionOutput as usize]),
        (Place::FeedForward, 1) => Some(&scales[Place::Down as usize]),
        _ => None,
    };
    let n = weights.len() / columns.len();
    let rows = rows.filter(|rows| rows.len() == n);
    for (i, row) in weights.chunks_mut(columns.len()).enumerate() {
        let factor = rows.map_or(1.0, |rows| rows[i]);
        row.iter_mut().zip(columns).for_each(|(w, s)| *w = *w / s * factor);
    }
}

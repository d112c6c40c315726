//! The weights that a `Linear` amounts to.

use super::Linear;

impl Linear {
    /// The effective weights, `n` rows of `k` in the order of the inputs: what `x` is multiplied by
    /// before the bias is added. A [norm](Linear::norm) is no part of them: `x` is what it makes, but
    /// for outlier columns.
    ///
    /// Where there is no rotation and are no input scales, they are those of the original tool bit for
    /// bit in f32: the scale is applied to each decoded weight, by a product or a quotient as it says.
    pub fn dequantize(&self) -> Vec<f32> {
        self.effective(self.matrix.dequantize())
    }

    /// The same from the weights of the matrix, wherever they were decoded:
    /// `linear.effective(gpu.dequantize(layer.weights())?)`.
    ///
    /// # Panics
    /// Where there are not `n · k` of them.
    pub fn effective(&self, mut weights: Vec<f32>) -> Vec<f32> {
        let k = self.k();
        assert_eq!(weights.len(), self.n() * k, "weights of the matrix");
        let scaled = self.scale.is_some() || self.output_scales.is_some();
        if scaled || self.changes_inputs() {
            crate::parallel::chunks(
                &mut weights,
                k,
                || vec![0f32; k],
                |row, weights, scratch| self.restore(row, weights, scratch),
            );
        }
        if let Some(rotation) = &self.output_rotation {
            rotation.unrotate_rows(&mut weights, k);
        }
        weights
    }

    /// Undoes, for one row of weights, what `h` does to the inputs, in reverse.
    fn restore(&self, row: usize, weights: &mut [f32], scratch: &mut [f32]) {
        if let Some(scale) = self.scale {
            weights.iter_mut().for_each(|w| *w = scale.apply(*w));
        }
        if let Some(scales) = &self.output_scales {
            weights.iter_mut().for_each(|w| *w *= scales[row]);
        }
        if let Some(permutation) = &self.permutation {
            scratch.copy_from_slice(weights);
            for (w, &to) in scratch.iter().zip(permutation) {
                weights[to as usize] = *w;
            }
        }
        if let Some(rotation) = &self.rotation {
            rotation.unrotate(weights);
        }
        if let Some(scales) = &self.input_scales {
            weights.iter_mut().zip(scales).for_each(|(w, s)| *w *= s);
        }
        if let Some(outliers) = &self.outliers {
            let own = &outliers.weights[row * outliers.columns.len()..];
            for (w, &column) in own.iter().zip(&outliers.columns) {
                weights[column as usize] = w.to_f32();
            }
        }
    }
}

//! The effective weights of a `Linear`.

use super::Linear;

impl Linear {
    /// The effective weights, `n` rows of `k` in the order of the inputs: the layer is `W · x + bias` with them. They do
    /// not include a [norm](Linear::norm), which applies to `x` except in outlier columns.
    ///
    /// Without rotations and input scales they equal the original tool's weights in f32 bit for bit: each decoded weight
    /// is multiplied or divided by the scale, as the tool does.
    pub fn dequantize(&self) -> Vec<f32> {
        self.effective(self.matrix.dequantize())
    }

    /// The effective weights from decoded weights of the matrix, for example those decoded on a GPU:
    /// `linear.effective(gpu.dequantize(layer.weights())?)`.
    ///
    /// # Panics
    /// If there are not `n · k` weights.
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

    /// Applies the operations of `h` to one row of weights, in reverse order.
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

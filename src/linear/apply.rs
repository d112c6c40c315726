//! The product of a `Linear` on the CPU.

use super::{Linear, OutlierColumns};
use crate::{Error, Precision, Result};

impl Linear {
    /// The product on the CPU: `x` is m rows of k floats, the result m rows of n.
    ///
    /// # Errors
    /// [`Error::Inputs`] if `x` is not a whole number of rows.
    pub fn matmul(&self, x: &[f32]) -> Result<Vec<f32>> {
        self.matmul_with(x, Precision::F32)
    }

    /// Like [`matmul`](Linear::matmul), with inputs of the matrix that can be rounded: see
    /// [`Matrix::matmul_with`](crate::Matrix::matmul_with). Inputs of outlier columns are never rounded.
    ///
    /// # Errors
    /// The errors of `matmul`.
    pub fn matmul_with(&self, x: &[f32], precision: Precision) -> Result<Vec<f32>> {
        let (n, k) = (self.n(), self.k());
        if !x.len().is_multiple_of(k) {
            return Err(Error::Inputs { k, got: x.len() });
        }
        let mut y = if self.changes_inputs() {
            self.matrix.matmul_with(&self.inputs(x), precision)?
        } else {
            self.matrix.matmul_with(x, precision)?
        };
        for (y, x) in y.chunks_mut(n).zip(x.chunks(k)) {
            if let Some(scale) = self.scale {
                y.iter_mut().for_each(|y| *y = scale.apply(*y));
            }
            if let Some(scales) = &self.output_scales {
                y.iter_mut().zip(scales).for_each(|(y, s)| *y *= s);
            }
            if let Some(outliers) = &self.outliers {
                outliers.add(x, y);
            }
            if let Some(rotation) = &self.output_rotation {
                rotation.unrotate(y);
            }
            if let Some(bias) = &self.bias {
                y.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
            }
        }
        Ok(y)
    }

    /// Whether the inputs of the matrix differ from `x`.
    pub(crate) fn changes_inputs(&self) -> bool {
        self.norm.is_some()
            || self.outliers.is_some()
            || self.input_scales.is_some()
            || self.rotation.is_some()
            || self.permutation.is_some()
    }

    /// `h(x)`, the inputs of the matrix; `x` is whole rows of k.
    pub(crate) fn inputs(&self, x: &[f32]) -> Vec<f32> {
        let k = self.k();
        let mut out = x.to_vec();
        for row in out.chunks_mut(k) {
            if let Some(norm) = &self.norm {
                norm.apply(row);
            }
            if let Some(outliers) = &self.outliers {
                for &column in &outliers.columns {
                    row[column as usize] = 0.0;
                }
            }
            if let Some(scales) = &self.input_scales {
                row.iter_mut().zip(scales).for_each(|(x, s)| *x *= s);
            }
            if let Some(rotation) = &self.rotation {
                rotation.rotate(row);
            }
        }
        if let Some(permutation) = &self.permutation {
            let mut unpermuted = vec![0f32; k];
            for row in out.chunks_mut(k) {
                unpermuted.copy_from_slice(row);
                for (x, &from) in row.iter_mut().zip(permutation) {
                    *x = unpermuted[from as usize];
                }
            }
        }
        out
    }
}

impl OutlierColumns {
    /// Adds the products of the outlier columns to one row of outputs.
    fn add(&self, x: &[f32], y: &mut [f32]) {
        if self.columns.is_empty() {
            return;
        }
        for (y, weights) in y.iter_mut().zip(self.weights.chunks(self.columns.len())) {
            let terms = weights.iter().zip(&self.columns);
            *y += terms.map(|(w, &column)| w.to_f32() * x[column as usize]).sum::<f32>();
        }
    }
}

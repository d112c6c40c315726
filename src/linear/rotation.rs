//! Blockwise Hadamard rotations of inputs and outputs.

use super::checks::{length, part};
use crate::Result;
use crate::rotate::hadamard::butterflies;

/// A rotation of the inputs, block by block: `x → H · (signs ∘ x)`; of outputs, its inverse: `y → signs ∘ (H · y)`.
///
/// `H` is the Walsh-Hadamard matrix in Sylvester's order, normalized: `H[i][j] = (-1)^popcount(i & j) /
/// √block`. It is symmetric and its own inverse, so weights that were multiplied by it give back the
/// original product.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    /// Inputs (outputs) that are rotated together: a power of two that divides `k` (`n`).
    pub block: usize,
    /// 1 or -1 for each of the `k` inputs (`n` outputs); empty if all are 1.
    pub signs: Vec<f32>,
}

impl Rotation {
    /// Checks that the rotation fits `count` inputs or outputs, which errors call `dimension`.
    pub(super) fn check(&self, at: &str, dimension: char, count: usize) -> Result<()> {
        let block = self.block;
        if !block.is_power_of_two() || !count.is_multiple_of(block) {
            let expected = format!("a power of two that divides {dimension} = {count}");
            return Err(part(at, "its block", expected, block));
        }
        let at = format!("{at} signs");
        if !self.signs.is_empty() {
            length(&at, count, self.signs.len())?;
        }
        match self.signs.iter().position(|s| s.abs() != 1.0) {
            None => Ok(()),
            Some(i) => {
                let what = format!("number {i}");
                Err(part(at, what, "1 or -1", self.signs[i]))
            }
        }
    }

    /// `x → H · (signs ∘ x)` for one row of inputs.
    pub(crate) fn rotate(&self, x: &mut [f32]) {
        self.flip(x);
        self.transform(x);
    }

    /// The inverse, `x → signs ∘ (H · x)`, which undoes the rotation of weights.
    pub(crate) fn unrotate(&self, x: &mut [f32]) {
        self.transform(x);
        self.flip(x);
    }

    /// The inverse along the columns of a matrix with `k` columns and a row for each output.
    pub(crate) fn unrotate_rows(&self, weights: &mut [f32], k: usize) {
        let scale = self.scale();
        for block in weights.chunks_exact_mut(self.block * k) {
            butterflies(block, k);
        }
        for (row, weights) in weights.chunks_exact_mut(k).enumerate() {
            let sign = self.signs.get(row).copied().unwrap_or(1.0);
            weights.iter_mut().for_each(|w| *w *= scale * sign);
        }
    }

    fn scale(&self) -> f32 {
        1.0 / (self.block as f32).sqrt()
    }

    fn flip(&self, x: &mut [f32]) {
        for (x, s) in x.iter_mut().zip(&self.signs) {
            *x *= s;
        }
    }

    fn transform(&self, x: &mut [f32]) {
        let scale = self.scale();
        for x in x.chunks_exact_mut(self.block) {
            butterflies(x, 1);
            for x in x {
                *x *= scale;
            }
        }
    }
}

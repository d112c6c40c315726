//! Blockwise Hadamard rotations of inputs.

use super::checks::{length, part};
use crate::rotate::hadamard::butterflies;
use crate::Result;

/// A rotation of the inputs, block by block: `x → H · (signs ∘ x)`.
///
/// `H` is the Walsh-Hadamard matrix in Sylvester's order, normalized: `H[i][j] = (-1)^popcount(i & j) /
/// √block`. It is symmetric and its own inverse, so weights that were multiplied by it give back the
/// original product.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    /// Inputs that are rotated together: a power of two that divides `k`.
    pub block: usize,
    /// 1 or -1 for each of the `k` inputs; empty where none changes its sign.
    pub signs: Vec<f32>,
}

impl Rotation {
    pub(super) fn check(&self, k: usize) -> Result<()> {
        let block = self.block;
        if !block.is_power_of_two() || !k.is_multiple_of(block) {
            let expected = format!("a power of two that divides k = {k}");
            return Err(part("rotation", "its block", expected, block));
        }
        if !self.signs.is_empty() {
            length("rotation signs", k, self.signs.len())?;
        }
        match self.signs.iter().position(|s| s.abs() != 1.0) {
            None => Ok(()),
            Some(i) => {
                let what = format!("number {i}");
                Err(part("rotation signs", what, "1 or -1", self.signs[i]))
            }
        }
    }

    /// `x → H · (signs ∘ x)` for one row of inputs.
    pub(crate) fn rotate(&self, x: &mut [f32]) {
        self.flip(x);
        self.transform(x);
    }

    /// The inverse, `x → signs ∘ (H · x)`: what turns rotated weights back.
    pub(crate) fn unrotate(&self, x: &mut [f32]) {
        self.transform(x);
        self.flip(x);
    }

    fn flip(&self, x: &mut [f32]) {
        for (x, s) in x.iter_mut().zip(&self.signs) {
            *x *= s;
        }
    }

    fn transform(&self, x: &mut [f32]) {
        let scale = 1.0 / (self.block as f32).sqrt();
        for x in x.chunks_exact_mut(self.block) {
            butterflies(x, 1);
            for x in x {
                *x *= scale;
            }
        }
    }
}

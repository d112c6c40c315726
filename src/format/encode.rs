//! Encoding the weights of a block: at once, or group by group where groups of a block are independent.

use super::Format;
use crate::family::{Hints, QuantizeError};

impl Format {
    /// Weights that the encoder reads together, in a row of `k`: one of several groups that only share a block's
    /// bytes, otherwise the block.
    pub(crate) fn encoded_span(&self, k: usize) -> usize {
        if self.has_independent_groups() {
            self.group_span(k)
        } else {
            self.block_span(k)
        }
    }

    /// Lets the encoder choose scales and codes for `weights`, which begin with weight `first` of a block. `hints` are
    /// for these weights; their place is set here.
    pub(crate) fn encode(
        &self,
        first: usize,
        weights: &[f32],
        hints: &Hints,
        block: &mut [u8],
    ) -> Result<(), QuantizeError> {
        let span = self.encoded_span(weights.len());
        for start in (0..weights.len()).step_by(span) {
            let weights = &weights[start..weights.len().min(start + span)];
            let hints = Hints {
                importance: hints.importance.map(|all| &all[start..][..weights.len()]),
                group: self.group_of(first + start),
                first: first + start,
                ..*hints
            };
            (self.family.quantize)(weights, &hints, block)?;
        }
        Ok(())
    }
}

//! The sparse formats of compressed-tensors (up to 0.11): the unpruned numbers, and a bitmask of their positions.

use super::super::layer::LayerSource;
use super::super::tensor::LoadedTensor;
use crate::Result;
use ::safetensors::Dtype;

/// The types of pruned weights.
const PRUNED: &[Dtype] = &[
    Dtype::F32,
    Dtype::F16,
    Dtype::BF16,
    Dtype::F8_E4M3,
    Dtype::F8_E5M2,
    Dtype::I8,
];

/// The dense weights of a layer, from `weight`, or from `compressed` and `bitmask` (2:4 sparsity, `sparse-24-bitmask`, or
/// any, `sparse-bitmask`).
pub fn weight<'m>(layer: &LayerSource<'m>) -> Result<LoadedTensor<'m>> {
    if !layer.has(".compressed") && !layer.has(".bitmask") {
        return layer.tensor(".weight");
    }
    let shape = layer.tensor(".shape")?;
    let [n, k] = shape.counts()?[..] else {
        return Err(layer.wrong("shape", "2 numbers", format!("{:?}", shape.shape())));
    };
    let mask = layer.tensor(".bitmask")?.typed(&[Dtype::U8])?;
    let row_bytes = k.div_ceil(8);
    let mask = mask.shaped(&[n, row_bytes])?;
    let values = layer.tensor(".compressed")?.typed(PRUNED)?;
    // Bits after the end of a row are ignored.
    let is_set = |row: usize, j: usize| mask.bytes[row * row_bytes + j / 8] >> (j % 8) & 1 == 1;
    let places = || (0..n).flat_map(|row| (0..k).map(move |j| (row, j)));
    let set = places().filter(|&(row, j)| is_set(row, j)).count();
    let width = values.dtype().bitsize() / 8;
    let count = values.bytes.len() / width;
    if set != count {
        let expected = format!("{set}, the bits of its bitmask");
        return Err(layer.wrong("numbers in compressed", expected, count));
    }
    // At most 32 times the mask.
    let mut dense = vec![0u8; n.saturating_mul(k).saturating_mul(width)];
    let mut left = values.bytes.chunks_exact(width);
    for ((row, j), out) in places().zip(dense.chunks_exact_mut(width)) {
        if let Some(value) = is_set(row, j).then(|| left.next()).flatten() {
            out.copy_from_slice(value);
        }
    }
    Ok(values.reshaped(vec![n, k], Some(dense)))
}

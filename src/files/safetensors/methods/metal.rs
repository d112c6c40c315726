//! transformers' Metal: MLX's affine codes, their biases named `qbiases`.

use super::Layer;
use crate::layouts::MlxAffine;
use crate::{Linear, Result};
use ::safetensors::Dtype;

pub fn linear(layer: &Layer) -> Result<Linear> {
    let weight = layer.tensor(".weight")?.typed(&[Dtype::U32, Dtype::I32])?;
    let [n, words] = weight.dims()?;
    let bits = layer.setting("bits")?.unwrap_or(4);
    let group = layer.setting("group_size")?.unwrap_or(64);
    if ![2, 4, 8].contains(&bits) {
        return Err(layer.wrong("bits", "2, 4 or 8", bits));
    }
    let k = words.saturating_mul(32 / bits);
    let groups = k.div_ceil(if group == 0 { k.max(1) } else { group });
    let scales = layer.tensor(".scales")?.shaped(&[n, groups])?;
    let biases = layer.tensor(".qbiases")?.shaped(&[n, groups])?;
    MlxAffine {
        n,
        k,
        bits,
        group,
        packed: &weight.bytes,
        scales: scales.scales()?,
        biases: biases.scales()?,
    }
    .linear()
}

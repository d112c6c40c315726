//! transformers' Metal: MLX's affine codes, their biases named `qbiases`.

use super::super::layer::{LayerSource, group_of};
use super::mlx;
use crate::{Group, Linear, Result};
use ::safetensors::Dtype;

pub fn linear(layer: &LayerSource) -> Result<Linear> {
    let weight = layer.tensor(".weight")?.typed(&[Dtype::U32, Dtype::I32])?;
    let [n, words] = weight.dims()?;
    let bits = layer.setting("bits")?.unwrap_or(4);
    let group = layer.setting("group_size")?.map_or(Group::Len(64), group_of);
    if ![2, 4, 8].contains(&bits) {
        return Err(layer.wrong("bits", "2, 4 or 8", bits));
    }
    let (scales, biases) = (layer.tensor(".scales")?, layer.tensor(".qbiases")?);
    mlx::packed(&weight, [n, words], (bits, group), [scales, biases])
}

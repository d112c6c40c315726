//! HQQ: `W_q`, `scale`, `zero`, and its settings as tensors of one number each.

use super::super::layer::{LayerSource, count, group_of};
use crate::layouts::HqqLayout;
use crate::{Group, Linear, Result};

pub fn linear(layer: &LayerSource) -> Result<Linear> {
    let packed = layer.tensor(".W_q")?;
    let (scale, zero) = (layer.tensor(".scale")?, layer.tensor(".zero")?);
    let shape = layer.tensor(".shape")?;
    let [n, k] = shape.counts()?[..] else {
        return Err(layer.wrong("shape", "2 numbers", format!("{:?}", shape.shape())));
    };
    let Some(bits) = setting(layer, "nbits")? else {
        return Err(layer.wrong("nbits", "a tensor or a setting", "none"));
    };
    let axis = setting(layer, "axis")?.unwrap_or(0);
    if axis > 1 {
        return Err(layer.wrong("axis", "0 or 1", axis));
    }
    // The words of W_q can be stored as floats (`view_as_float`) with the same bytes.
    HqqLayout {
        n,
        k,
        bits,
        group: setting(layer, "group_size")?.map_or(Group::Row, group_of),
        columns: axis == 0,
        packed: &packed.bytes,
        scales: scale.scales()?,
        zeros: zero.scales()?,
    }
    .linear()
}

/// A setting of the layer, in a tensor, or of the model.
fn setting(layer: &LayerSource, key: &str) -> Result<Option<usize>> {
    if let Some(tensor) = layer.find(&format!(".{key}"))? {
        let values = tensor.counts()?;
        return match values[..] {
            [value] => Ok(Some(value)),
            _ => Err(layer.wrong(key, "1 number", format!("{:?}", tensor.shape()))),
        };
    }
    let quant = &layer.quantization["quant_config"];
    // Settings for all layers, or for each kind of layer: its name without `model`, `layers` and numbers.
    let parts = layer.name.split('.').filter(|part| {
        let number = part.chars().all(|c| c.is_ascii_digit());
        !number && !["model", "layers"].contains(part)
    });
    let kind = &parts.collect::<Vec<_>>().join(".")[..];
    let params = [
        &quant["weight_quant_params"],
        &quant[kind]["weight_quant_params"],
        &quant[kind],
    ];
    for params in params {
        if let Some(value) = count(params, key)? {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

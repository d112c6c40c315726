//! quanto: `weight._data`, `weight._scale` and, for 2 and 4 bits, `weight._shift`.

use super::super::layer::LayerSource;
use super::fp8;
use crate::layouts::{QuantoBitsLayout, QuantoByte, QuantoBytesLayout};
use crate::{Group, Linear, Result};
use ::safetensors::Dtype;

pub fn linear(layer: &LayerSource) -> Result<Linear> {
    if layer.has(".weight._data._data") || layer.has(".weight._shift") {
        return bits(layer);
    }
    let data = layer.tensor(".weight._data")?;
    let scale = layer.tensor(".weight._scale")?;
    let byte = match (data.dtype(), fp8::element(&data)) {
        (Dtype::I8, _) => QuantoByte::Int8,
        (_, Some(element)) => QuantoByte::Float(element),
        (other, _) => return Err(layer.wrong("dtype of weight._data", "I8, F8_E4M3 or F8_E5M2", other)),
    };
    let [n, k] = data.dims()?;
    QuantoBytesLayout {
        n,
        k,
        byte,
        data: &data.bytes,
        scales: scale.scales()?,
    }
    .linear()
}

/// A table of groups in rows of bytes. The number of scales tells how many fields a byte holds.
fn bits(layer: &LayerSource) -> Result<Linear> {
    let name = if layer.has(".weight._data._data") {
        ".weight._data._data"
    } else {
        ".weight._data"
    };
    let data = layer.tensor(name)?.typed(&[Dtype::U8])?;
    let [rows, group] = data.dims()?;
    let (scale, shift) = (layer.tensor(".weight._scale")?, layer.tensor(".weight._shift")?);
    let groups: usize = scale.shape().iter().fold(1, |all, &d| all.saturating_mul(d));
    let fits = |&bits: &usize| groups.div_ceil(8 / bits) == rows;
    let Some(bits) = [4, 2].into_iter().find(fits) else {
        let expected = format!("{} or {}", groups.div_ceil(2), groups.div_ceil(4));
        return Err(layer.wrong("rows of weight._data", expected, rows));
    };
    let weights = groups.saturating_mul(group);
    let (n, k) = match (layer.shape, layer.find(".bias")?) {
        (Some(shape), _) => shape,
        (None, Some(bias)) => {
            let [n] = bias.dims()?;
            (n, weights.checked_div(n).unwrap_or(0))
        }
        (None, None) => {
            let got = format!("{weights} weights without a bias; Model::linear_of takes a shape");
            return Err(layer.wrong("shape", "told by the file", got));
        }
    };
    QuantoBitsLayout {
        n,
        k,
        bits,
        group: Group::Len(group),
        packed: &data.bytes,
        scales: scale.scales()?,
        shifts: shift.scales()?,
    }
    .linear()
}

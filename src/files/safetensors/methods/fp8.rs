//! FP8: `weight` and `weight_scale_inv` (DeepSeek) or `weight_scale`, of a tensor, rows or blocks.

use super::super::tensors::Tensor;
use super::Layer;
use crate::layouts::{Element, Fp8};
use crate::{Linear, Result};
use ::safetensors::Dtype;
use serde_json::Value;

pub fn linear(layer: &Layer) -> Result<Linear> {
    // Despite its name it is multiplied by, as `weight_scale` is.
    let scale = match layer.find(".weight_scale_inv")? {
        Some(scale) => scale,
        None => layer.tensor(".weight_scale")?,
    };
    let weight = layer.tensor(".weight")?;
    let block = pair(&layer.model.quantization["weight_block_size"]);
    floats(layer, &weight, &scale, block)
}

/// The element of a tensor of 8-bit floats.
pub fn element(weight: &Tensor) -> Option<Element> {
    match weight.dtype() {
        Dtype::F8_E4M3 => Some(Element::E4M3),
        Dtype::F8_E5M2 => Some(Element::E5M2),
        _ => None,
    }
}

/// A layer of 8-bit floats; which weights share a scale is told by the shape of the scales.
pub fn floats(
    layer: &Layer,
    weight: &Tensor,
    scale: &Tensor,
    block: Option<(usize, usize)>,
) -> Result<Linear> {
    let Some(element) = element(weight) else {
        return Err(layer.wrong("dtype of its weight", "F8_E4M3 or F8_E5M2", weight.dtype()));
    };
    let [n, k] = weight.dims()?;
    let block = shared(n, k, scale.shape(), block).ok_or_else(|| {
        let got = format!("{:?} for weights of [{n}, {k}]", scale.shape());
        layer.wrong("shape of its scales", "one, one a row, or one a block", got)
    })?;
    Fp8 {
        n,
        k,
        element,
        block,
        weight: &weight.bytes,
        scales: scale.scales()?,
    }
    .linear()
}

/// Rows and columns that share a scale, 0 for all, from the shape of the scales.
pub fn shared(
    n: usize,
    k: usize,
    scales: &[usize],
    block: Option<(usize, usize)>,
) -> Option<(usize, usize)> {
    let blocks = |(rows, columns): (usize, usize)| {
        let some = rows > 0 && columns > 0;
        some && scales == [n.div_ceil(rows), k.div_ceil(columns)]
    };
    match (scales, block) {
        (_, Some(block)) if blocks(block) => Some(block),
        ([] | [1] | [1, 1], _) => Some((0, 0)),
        (&[rows] | &[rows, 1], _) if rows == n => Some((1, 0)),
        // Groups of a row.
        (&[rows, groups], _) if rows == n && groups > 0 && k.is_multiple_of(groups) => {
            Some((1, k / groups))
        }
        _ if blocks((128, 128)) => Some((128, 128)),
        _ => None,
    }
}

/// Two whole numbers of a configuration.
pub fn pair(value: &Value) -> Option<(usize, usize)> {
    match value.as_array().map(Vec::as_slice) {
        Some([rows, columns]) => {
            let dim = |v: &Value| v.as_u64().and_then(|v| usize::try_from(v).ok());
            dim(rows).zip(dim(columns))
        }
        _ => None,
    }
}

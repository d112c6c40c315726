//! FP8: `weight` and `weight_scale_inv` (DeepSeek) or `weight_scale`, for a tensor, rows or blocks; stacked experts,
//! `NAME` and `NAME_scale_inv`; 4-bit experts in such a model.

use super::super::layer::LayerSource;
use super::super::tensor::LoadedTensor;
use super::experts;
use crate::layouts::{Element, Fp8Layout, MicroscaledLayout};
use crate::{Group, Linear, Result};
use ::safetensors::Dtype;
use serde_json::Value;

pub fn linear(layer: &LayerSource) -> Result<Linear> {
    let stack = !layer.has(".weight") && layer.has("");
    let weight = layer.tensor(if stack { "" } else { ".weight" })?;
    // Despite its name, weights are multiplied by it, as by `weight_scale`.
    let names: &[&str] = if stack {
        &["_scale_inv", "_scale"]
    } else {
        &[".weight_scale_inv", ".weight_scale", ".scale"]
    };
    let name = names.iter().find(|name| layer.has(name));
    let scale = layer.tensor(name.unwrap_or(&names[0]))?;
    let block = pair(&layer.quantization["weight_block_size"]);
    match weight.dtype() {
        Dtype::I8 | Dtype::U8 => fp4(layer, weight, scale),
        _ if weight.shape().len() == 3 => stacked(layer, weight, scale, block),
        _ => floats(layer, &weight, &scale, block),
    }
}

/// Experts of 8-bit floats, `[experts, n, k]`.
fn stacked(
    layer: &LayerSource,
    weight: LoadedTensor,
    scale: LoadedTensor,
    block: Option<(usize, usize)>,
) -> Result<Linear> {
    let (scale, columns) = experts::scales(layer, weight.dims()?, scale, block)?;
    let weight = experts::rows(layer, weight)?;
    let [n, k] = weight.dims()?;
    Fp8Layout {
        n,
        k,
        element: expect_element(layer, &weight)?,
        block: (1, columns),
        weight: &weight.bytes,
        scales: scale.scales_or_powers()?,
    }
    .linear()
}

/// Two E2M1 elements in a byte with a scale for each group of a row (DeepSeek's experts): one layer, or stacked experts.
fn fp4(layer: &LayerSource, weight: LoadedTensor, scale: LoadedTensor) -> Result<Linear> {
    let mut expected = weight.shape().to_vec();
    let weight = experts::rows(layer, weight)?;
    let [n, bytes] = weight.dims()?;
    let k = bytes.saturating_mul(2);
    let groups = scale.shape().last().copied().unwrap_or(0);
    expected.pop();
    expected.push(groups);
    let scale = scale.shaped(&expected)?;
    if groups == 0 || !k.is_multiple_of(groups) {
        return Err(layer.wrong("groups of its scales", format!("a divisor of {k}"), groups));
    }
    MicroscaledLayout {
        n,
        k,
        element: Element::E2M1,
        group: Group::Len(k / groups),
        packed: &weight.bytes,
        scales: scale.scales_or_powers()?,
        global: None,
    }
    .linear()
}

/// The element of a tensor of 8-bit floats.
pub fn element(weight: &LoadedTensor) -> Option<Element> {
    match weight.dtype() {
        Dtype::F8_E4M3 => Some(Element::E4M3),
        Dtype::F8_E5M2 => Some(Element::E5M2),
        _ => None,
    }
}

/// The same, or an error.
pub fn expect_element(layer: &LayerSource, weight: &LoadedTensor) -> Result<Element> {
    let wrong = || layer.wrong("dtype of its weight", "F8_E4M3 or F8_E5M2", weight.dtype());
    element(weight).ok_or_else(wrong)
}

/// A layer of 8-bit floats. The shape of the scales tells which weights share one.
pub fn floats(
    layer: &LayerSource,
    weight: &LoadedTensor,
    scale: &LoadedTensor,
    block: Option<(usize, usize)>,
) -> Result<Linear> {
    let element = expect_element(layer, weight)?;
    let [n, k] = weight.dims()?;
    let block = shared(n, k, scale.shape(), block).ok_or_else(|| {
        let got = format!("{:?} for weights of [{n}, {k}]", scale.shape());
        layer.wrong("shape of its scales", "one, one a row, or one a block", got)
    })?;
    Fp8Layout {
        n,
        k,
        element,
        block,
        weight: &weight.bytes,
        scales: scale.scales_or_powers()?,
    }
    .linear()
}

/// The blocks of tools that only write whole blocks and do not store their size.
pub fn whole_blocks(weight: &[usize], scales: &[usize]) -> Option<(usize, usize)> {
    match (weight, scales) {
        (&[n, k], &[rows, columns]) if rows > 1 || columns > 1 => {
            let whole = rows > 0 && columns > 0;
            let whole = whole && n.is_multiple_of(rows) && k.is_multiple_of(columns);
            whole.then(|| (n / rows, k / columns))
        }
        _ => None,
    }
}

/// Rows and columns that share a scale, from the shape of the scales.
pub fn shared(n: usize, k: usize, scales: &[usize], block: Option<(usize, usize)>) -> Option<(usize, usize)> {
    let blocks = |(rows, columns): (usize, usize)| {
        let some = rows > 0 && columns > 0;
        some && scales == [n.div_ceil(rows), k.div_ceil(columns)]
    };
    match (scales, block) {
        (_, Some(block)) if blocks(block) => Some(block),
        ([] | [1] | [1, 1], _) => Some((n, k)),
        (&[rows] | &[rows, 1], _) if rows == n => Some((1, k)),
        // Groups without a setting for their length. Only a power of two is certain: with another quotient the last
        // group could be short.
        (&[rows, groups], _) if rows == n && groups > 0 && k.is_multiple_of(groups) => {
            let group = k / groups;
            group.is_power_of_two().then_some((1, group))
        }
        _ if blocks((128, 128)) => Some((128, 128)),
        _ => None,
    }
}

/// The group that a block is, if it lies within one row or is the whole tensor.
pub fn group_of_block(n: usize, k: usize, block: Option<(usize, usize)>) -> Option<Group> {
    let (rows, columns) = block?;
    let in_rows = rows == 1 || (rows, columns) == (n, k);
    let group = if columns >= k { Group::Row } else { Group::Len(columns) };
    in_rows.then_some(group)
}

/// Two integers of a configuration. compressed-tensors once wrote them as `128x128`.
pub fn pair(value: &Value) -> Option<(usize, usize)> {
    if let Some((rows, columns)) = value.as_str().and_then(|text| text.split_once('x')) {
        return rows.parse().ok().zip(columns.parse().ok());
    }
    match value.as_array().map(Vec::as_slice) {
        Some([rows, columns]) => {
            let dim = |v: &Value| v.as_u64().and_then(|v| usize::try_from(v).ok());
            dim(rows).zip(dim(columns))
        }
        _ => None,
    }
}

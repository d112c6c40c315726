//! torchao: the parts of a `weight` (`_weight_qdata`, `_weight_scale` ..), whose class is in the file's metadata.

use super::super::errors::unknown;
use super::super::json::parse;
use super::super::layer::{FLOATS, LayerSource};
use super::super::tensor::LoadedTensor;
use super::fp8;
use crate::layouts::{Element, IntQuantizedLayout, MicroscaledLayout, TorchAoInt4Layout};
use crate::{Group, Linear, OutputScale, Result};
use ::safetensors::Dtype;
use serde_json::Value;

const CLASSES: &[&str] = &[
    "Float8Tensor",
    "Int8Tensor",
    "IntxUnpackedToInt8Tensor",
    "Int4Tensor",
    "MXTensor",
    "NVFP4Tensor",
];

pub fn linear(layer: &LayerSource) -> Result<Linear> {
    let key = format!("{}.weight", layer.name);
    let Some(text) = layer.tensors.get(&key) else {
        return Err(layer.wrong("its class in __metadata__", CLASSES.join(" or "), "none"));
    };
    let class = parse(&key, text.as_bytes())?;
    let kind = class["_type"].as_str().unwrap_or_default();
    if !CLASSES.contains(&kind) {
        return Err(unknown("class of torchao", kind, CLASSES.iter().copied()));
    }
    let attributes = &class["_data"];
    let (data, scale) = (layer.tensor("._weight_qdata")?, layer.tensor("._weight_scale")?);
    let block = fp8::pair(&attributes["block_size"]);
    let linear = match kind {
        "Float8Tensor" => fp8::floats(layer, &data, &scale, block)?,
        "Int8Tensor" | "IntxUnpackedToInt8Tensor" => bytes(layer, &data, &scale, block)?,
        "Int4Tensor" => int4(layer, &data, scale, block)?,
        "MXTensor" => {
            let group = attributes["block_size"].as_u64();
            let group = group.and_then(|group| usize::try_from(group).ok());
            let got = &attributes["block_size"];
            let group = group.ok_or_else(|| layer.wrong("block_size", "a whole number", got))?;
            small(layer, attributes, &data, scale, group)?
        }
        _ => small(layer, attributes, &data, scale, 16)?,
    };
    match layer.find("._weight_act_pre_scale")? {
        None => Ok(linear),
        Some(scales) => linear.with_input_scales(scales.typed(FLOATS)?.finite()?),
    }
}

/// A signed byte for each weight, whatever its bits.
fn bytes(
    layer: &LayerSource,
    data: &LoadedTensor,
    scale: &LoadedTensor,
    block: Option<(usize, usize)>,
) -> Result<Linear> {
    let [n, k] = data.dims()?;
    if data.dtype() != Dtype::I8 {
        return Err(layer.wrong("dtype of _weight_qdata", Dtype::I8, data.dtype()));
    }
    let Some(group) = fp8::group_of_block(n, k, fp8::shared(n, k, scale.shape(), block)) else {
        let got = format!("{:?} for weights of [{n}, {k}]", scale.shape());
        return Err(layer.wrong("shape of _weight_scale", "one, or one a row or group", got));
    };
    let zeros = match layer.find("._weight_zero_point")? {
        Some(zeros) => Some(zeros.typed(&[Dtype::I8])?.shaped(scale.shape())?),
        None => None,
    };
    IntQuantizedLayout {
        n,
        k,
        group,
        weight: &data.bytes,
        scales: scale.scales()?,
        zero_points: zeros.as_ref().map(|z| &z.bytes[..]),
    }
    .linear()
}

fn int4(
    layer: &LayerSource,
    data: &LoadedTensor,
    scale: LoadedTensor,
    block: Option<(usize, usize)>,
) -> Result<Linear> {
    if data.dtype() != Dtype::U8 && data.dtype() != Dtype::I8 {
        return Err(layer.wrong("dtype of _weight_qdata", "U8 or I8", data.dtype()));
    }
    let [n, row_bytes] = data.dims()?;
    let k = row_bytes.saturating_mul(2);
    let Some((1, group @ 1..)) = block else {
        return Err(layer.wrong("block_size", "[1, a length]", format!("{block:?}")));
    };
    let shape = [k.div_ceil(group), n];
    let scale = scale.shaped(&shape)?;
    let zeros = layer.tensor("._weight_zero_point")?.shaped(&shape)?;
    TorchAoInt4Layout {
        n,
        k,
        group: Group::Len(group),
        packed: &data.bytes,
        scales: scale.scales()?,
        zeros: zeros.scales()?,
    }
    .linear()
}

/// MXFP4, MXFP8 and NVFP4.
fn small(
    layer: &LayerSource,
    attributes: &Value,
    data: &LoadedTensor,
    scale: LoadedTensor,
    group: usize,
) -> Result<Linear> {
    if attributes["is_swizzled_scales"] == true {
        let got = "the order of a kernel (is_swizzled_scales)";
        return Err(layer.wrong("order of _weight_scale", "rows", got));
    }
    let element = match data.dtype() {
        Dtype::U8 => Element::E2M1,
        _ => fp8::expect_element(layer, data)?,
    };
    let [n, bytes] = data.dims()?;
    let k = bytes.saturating_mul(8) / element.bits();
    let scale = scale.shaped(&[n, k.div_ceil(group.max(1))])?;
    let global = match layer.find("._weight_per_tensor_scale")? {
        Some(global) => Some(OutputScale::Multiply(global.single()?)),
        None => None,
    };
    MicroscaledLayout {
        n,
        k,
        element,
        group: Group::Len(group),
        packed: &data.bytes,
        scales: scale.scales_or_powers()?,
        global,
    }
    .linear()
}

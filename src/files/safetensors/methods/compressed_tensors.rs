//! compressed-tensors: the tensors of a layer determine its format, which must be among those of the configuration.

use super::super::errors::unknown;
use super::super::layer::{FLOATS, LayerSource, count};
use super::super::tensor::LoadedTensor;
use super::floats::floats;
use super::{fp8, sparse, targets};
use crate::layouts::{Element, IntQuantizedLayout, MicroscaledLayout, PackQuantizedLayout};
use crate::{Group, Linear, OutputScale, Result};
use ::safetensors::Dtype;
use serde_json::Value;

const FORMATS: &[&str] = &[
    "dense",
    "pack-quantized",
    "int-quantized",
    "float-quantized",
    "naive-quantized",
    "nvfp4-pack-quantized",
    "mxfp4-pack-quantized",
    "mxfp6-pack-quantized",
    "mxfp8-quantized",
    "mixed-precision",
    "sparse-bitmask",
    "sparse-24-bitmask",
];

pub fn linear(layer: &LayerSource) -> Result<Linear> {
    let settings = layer.quantization;
    let all = settings["config_groups"].as_object();
    let all: Vec<&Value> = all.into_iter().flat_map(|g| g.values()).collect();
    for place in all.iter().copied().chain([settings]) {
        match place["format"].as_str() {
            Some(name) if !FORMATS.contains(&name) => {
                return Err(unknown("format", name, FORMATS.iter().copied()));
            }
            _ => {}
        }
    }
    // The groups of this layer, including those with a pattern that is not understood.
    let is_own = |group: &&Value| targets::listed(layer, &group["targets"]).unwrap_or(true);
    let own: Vec<&Value> = all.iter().copied().filter(is_own).collect();
    let groups = if own.is_empty() { all } else { own };
    if layer.has(".weight_packed") {
        let packed = layer.tensor(".weight_packed")?;
        let packed = packed.typed(&[Dtype::I32, Dtype::U8])?;
        let scale = layer.tensor(".weight_scale")?;
        return match packed.dtype() {
            Dtype::I32 => pack_quantized(layer, &groups, &packed, &scale),
            _ => microscaled(layer, &packed, &scale),
        };
    }
    let weight = sparse::weight(layer)?;
    if FLOATS.contains(&weight.dtype()) && !layer.has(".weight_scale") {
        return floats(&weight);
    }
    let scale = layer.tensor(".weight_scale")?;
    match weight.dtype() {
        Dtype::I8 => int_quantized(layer, &groups, &weight, &scale),
        _ if matches!(scale.dtype(), Dtype::U8 | Dtype::F8_E8M0) => mxfp8(layer, &weight, &scale),
        _ => {
            let blocks = groups.iter().map(|g| &g["weights"]["block_structure"]);
            let lengths = groups.iter().map(|g| count(&g["weights"], "group_size"));
            let lengths = lengths.collect::<Result<Vec<_>>>()?.into_iter().flatten();
            // Groups can differ in their blocks: take the size that fits.
            let [n, k] = weight.dims()?;
            let fits = |&(rows, columns): &(usize, usize)| {
                let some = rows > 0 && columns > 0;
                some && scale.shape() == [n.div_ceil(rows), k.div_ceil(columns)]
            };
            let lengths = lengths.map(|length| (1, length));
            let block = blocks.filter_map(fp8::pair).chain(lengths).find(fits);
            fp8::floats(layer, &weight, &scale, block)
        }
    }
}

/// Integers in words. The configuration gives their bits; if it lists several, the size of the tensor decides.
fn pack_quantized(
    layer: &LayerSource,
    groups: &[&Value],
    packed: &LoadedTensor,
    scale: &LoadedTensor,
) -> Result<Linear> {
    let shape = layer.tensor(".weight_shape")?;
    let [n, k] = shape.counts()?[..] else {
        return Err(layer.wrong("weight_shape", "2 numbers", format!("{:?}", shape.shape())));
    };
    let [rows, words] = packed.dims()?;
    if rows != n {
        return Err(layer.wrong("rows of weight_packed", n, rows));
    }
    let mut allowed = Vec::new();
    for group in groups {
        allowed.extend(count(&group["weights"], "num_bits")?);
    }
    if allowed.is_empty() {
        allowed.extend([4, 8, 2, 3, 5, 6, 7, 1]);
    }
    let fits = |bits: &&usize| {
        let bits = **bits;
        (1..=8).contains(&bits) && (words == k.saturating_mul(bits).div_ceil(32) || words == k.div_ceil(32 / bits))
    };
    let Some(&bits) = allowed.iter().find(fits) else {
        let expected = format!("those of {k} weights of one of {allowed:?} bits");
        return Err(layer.wrong("words of a row of weight_packed", expected, words));
    };
    let group = group_of(layer, groups, [n, k], scale)?;
    let zero_points = match layer.find(".weight_zero_point")? {
        Some(zeros) => Some(zeros.typed(&[Dtype::I32])?),
        None => None,
    };
    let g_idx = match layer.find(".weight_g_idx")? {
        Some(g_idx) => Some(g_idx.typed(&[Dtype::I32])?.shaped(&[k])?),
        None => None,
    };
    PackQuantizedLayout {
        n,
        k,
        bits,
        group,
        packed: &packed.bytes,
        scales: scale.scales()?,
        zero_points: zero_points.as_ref().map(|z| &z.bytes[..]),
        g_idx: g_idx.as_ref().map(|g| &g.bytes[..]),
    }
    .linear()
}

/// Inputs that share a scale, from the shape of the scales and the settings.
fn group_of(layer: &LayerSource, groups: &[&Value], [n, k]: [usize; 2], scale: &LoadedTensor) -> Result<Group> {
    let mut lengths = Vec::new();
    for group in groups {
        let length = count(&group["weights"], "group_size")?;
        lengths.extend(length.filter(|&length| length > 0));
    }
    let fits = |&&length: &&usize| scale.shape() == [n, k.div_ceil(length)];
    let mut fitting = lengths.iter().filter(fits);
    let block = match (scale.shape(), fitting.next()) {
        (_, Some(&length)) if fitting.all(|&other| other == length) => Some((1, length)),
        // Several settings fit, or none.
        (&[_, several], _) if several > 1 && !lengths.is_empty() => None,
        (shape, _) => fp8::shared(n, k, shape, None),
    };
    match fp8::group_of_block(n, k, block) {
        Some(group) => Ok(group),
        None => {
            let got = format!("{:?} for weights of [{n}, {k}]", scale.shape());
            let expected = if lengths.is_empty() {
                "one, or one a row or group".to_owned()
            } else {
                format!("one, one a row, or one for each group of one of {lengths:?}")
            };
            Err(layer.wrong("shape of weight_scale", expected, got))
        }
    }
}

fn int_quantized(
    layer: &LayerSource,
    groups: &[&Value],
    weight: &LoadedTensor,
    scale: &LoadedTensor,
) -> Result<Linear> {
    let [n, k] = weight.dims()?;
    let group = group_of(layer, groups, [n, k], scale)?;
    let zero_points = match layer.find(".weight_zero_point")? {
        Some(zeros) => Some(zeros.typed(&[Dtype::I8])?),
        None => None,
    };
    IntQuantizedLayout {
        n,
        k,
        group,
        weight: &weight.bytes,
        scales: scale.scales()?,
        zero_points: zero_points.as_ref().map(|z| &z.bytes[..]),
    }
    .linear()
}

/// NVFP4, MXFP4 or MXFP6, by the scales and by the bytes of a group.
fn microscaled(layer: &LayerSource, packed: &LoadedTensor, scale: &LoadedTensor) -> Result<Linear> {
    let [n, bytes] = packed.dims()?;
    let [scale_rows, groups] = scale.dims()?;
    if scale_rows != n {
        return Err(layer.wrong("rows of weight_scale", n, scale_rows));
    }
    let nvfp4 = layer.find(".weight_global_scale")?;
    let global = match &nvfp4 {
        Some(global) => Some(OutputScale::Divide(global.single()?)),
        None => None,
    };
    let (group, scales) = match nvfp4 {
        Some(_) => (16, scale.scales()?),
        None => (32, scale.powers()?),
    };
    // The last group can be short, so the number of weights that the bytes hold decides between the elements.
    let inputs = |bits: usize| bytes.saturating_mul(8) / bits;
    let is_element = |element: &Element| {
        let k = inputs(element.bits());
        k.div_ceil(group) == groups && k.saturating_mul(element.bits()) == bytes.saturating_mul(8)
    };
    let elements = [Element::E2M1, Element::E2M3];
    let known = &elements[..if global.is_none() { 2 } else { 1 }];
    let Some(&element) = known.iter().find(|e| is_element(e)) else {
        let full = groups.saturating_mul(group);
        let expected = format!("{} or {}", full / 2, full / 4 * 3);
        return Err(layer.wrong("bytes of a row of weight_packed", expected, bytes));
    };
    let k = inputs(element.bits());
    MicroscaledLayout {
        n,
        k,
        element,
        group: Group::Len(group),
        packed: &packed.bytes,
        scales,
        global,
    }
    .linear()
}

pub fn mxfp8(layer: &LayerSource, weight: &LoadedTensor, scale: &LoadedTensor) -> Result<Linear> {
    // Files from before safetensors had the type hold E4M3 as bytes.
    let element = match weight.dtype() {
        Dtype::U8 => Some(Element::E4M3),
        _ => fp8::element(weight),
    };
    let Some(element) = element else {
        return Err(layer.wrong("dtype of its weight", "F8_E4M3, F8_E5M2 or U8", weight.dtype()));
    };
    let [n, k] = weight.dims()?;
    let [rows, groups] = scale.dims()?;
    if (rows, groups) != (n, k.div_ceil(32)) {
        let expected = format!("{:?}", [n, k.div_ceil(32)]);
        return Err(layer.wrong("shape of weight_scale", expected, format!("{:?}", [rows, groups])));
    }
    MicroscaledLayout {
        n,
        k,
        element,
        group: Group::Len(32),
        packed: &weight.bytes,
        scales: scale.powers()?,
        global: None,
    }
    .linear()
}

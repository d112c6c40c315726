//! AMD's Quark: `weight` and `weight_scale`. 8-bit floats are stored as by other tools, 4-bit integers as by AWQ.

use super::super::layer::{FLOATS, LayerSource};
use super::{fp8, modelopt};
use crate::layouts::AwqLayout;
use crate::{Group, Linear, Result};
use ::safetensors::Dtype;
use serde_json::Value;

pub fn linear(layer: &LayerSource) -> Result<Linear> {
    let weight = layer.tensor(".weight")?;
    let scale = layer.tensor(".weight_scale")?;
    match (weight.dtype(), scale.dtype()) {
        (Dtype::U8, Dtype::U8 | Dtype::F8_E8M0) => modelopt::small(layer, 32, None),
        (Dtype::I32, _) => int4(layer),
        (Dtype::I8, _) => {
            if let Some(zeros) = layer.find(".weight_zero_point")?
                && zeros.bytes.iter().any(|&b| b != 0)
            {
                return Err(layer.wrong("weight_zero_point", "zeros", "other numbers"));
            }
            modelopt::int8(layer)
        }
        _ => {
            let block = fp8::whole_blocks(weight.shape(), scale.shape());
            fp8::floats(layer, &weight, &scale, block)
        }
    }
}

/// 4 bits in groups: AWQ's words, with signed codes 8 lower.
fn int4(layer: &LayerSource) -> Result<Linear> {
    let weight = layer.tensor(".weight")?;
    let [k, words] = weight.dims()?;
    let n = words.saturating_mul(8);
    let scale = layer.tensor(".weight_scale")?.typed(FLOATS)?;
    // With one scale for a row or the tensor, words run along the inputs.
    let [groups, _] = scale.dims()?;
    let scale = scale.shaped(&[groups, n])?;
    let (signed, group) = weight_config(layer, groups, k)?;
    let zeros = match layer.find(".weight_zero_point")? {
        Some(zeros) => {
            let zeros = zeros.typed(&[Dtype::I32])?.shaped(&[groups, words])?;
            Some(zeros.bytes.into_owned())
        }
        None => None,
    };
    let zeros = match (zeros, signed) {
        (Some(zeros), _) => zeros,
        (None, true) => vec![0; groups.saturating_mul(words).saturating_mul(4)],
        (None, false) => layer.tensor(".weight_zero_point")?.bytes.into_owned(),
    };
    let reordered = layer.quantization["export"]["pack_method"] != "order";
    let words = |bytes: &[u8]| awq_words(bytes, signed, reordered);
    AwqLayout {
        n,
        k,
        group,
        qweight: &words(&weight.bytes),
        qzeros: &words(&zeros),
        scales: scale.scales()?,
    }
    .linear()
}

/// Whether codes are signed, and their group.
fn weight_config(layer: &LayerSource, groups: usize, k: usize) -> Result<(bool, Group)> {
    let settings = layer.quantization;
    let layers = settings["layer_quant_config"].as_object();
    let layers = layers.into_iter().flat_map(|layers| layers.values());
    let all = layers.chain([&settings["global_quant_config"]]);
    let is_4_bits = |w: &&Value| w["dtype"] == "int4" || w["dtype"] == "uint4";
    let weights: Vec<&Value> = all.map(|c| &c["weight"]).filter(is_4_bits).collect();
    let fits = |w: &&&Value| {
        let group = w["group_size"].as_u64().and_then(|g| usize::try_from(g).ok());
        group.is_some_and(|g| g > 0 && k.div_ceil(g) == groups)
    };
    let found: Vec<_> = weights.iter().filter(fits).collect();
    let Some(first) = found.first() else {
        let got = format!("{groups} for {k} inputs");
        return Err(layer.wrong("groups of weight_scale", "those of a group_size of int4 or uint4", got));
    };
    // Layers are named by shell patterns, which are not read, so the tensors must decide.
    if found
        .iter()
        .any(|w| w["dtype"] != first["dtype"] || w["group_size"] != first["group_size"])
    {
        return Err(layer.wrong("settings that fit its tensors", 1, found.len()));
    }
    let group = first["group_size"].as_u64().and_then(|g| usize::try_from(g).ok());
    Ok((first["dtype"] == "int4", group.map_or(Group::Row, Group::Len)))
}

/// The words in AWQ's form: fields 8 higher if codes are signed, in the order 0, 2, 4, 6, 1, 3, 5, 7.
fn awq_words(bytes: &[u8], signed: bool, reordered: bool) -> Vec<u8> {
    let flip = if signed { 0x8888_8888 } else { 0 };
    let words = bytes.chunks_exact(4).map(|word| {
        let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]) ^ flip;
        if reordered {
            word
        } else {
            let order = [0, 2, 4, 6, 1, 3, 5, 7];
            let field = |(to, from): (usize, &u32)| (word >> (4 * from) & 15) << (4 * to);
            order.iter().enumerate().map(field).sum()
        }
    });
    words.flat_map(u32::to_le_bytes).collect()
}

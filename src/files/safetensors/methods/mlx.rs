//! MLX: `weight`, `scales` and, in affine mode, `biases`. Settings can differ from layer to layer.

use super::super::errors::unknown;
use super::super::layer::{LayerSource, count, group_of};
use super::super::tensor::LoadedTensor;
use super::experts::of_one_matrix;
use crate::layouts::{Element, FloatSlice, MicroscaledLayout, MlxAffineLayout};
use crate::{Group, Linear, Result, ScaleType};
use ::safetensors::Dtype;
use serde_json::Value;

pub fn linear(layer: &LayerSource) -> Result<Linear> {
    let all = layer.quantization;
    // A layer's settings override those of the model.
    let own = own(all, layer.name);
    let mode = [own, all].into_iter().find_map(|s| s["mode"].as_str());
    match mode.unwrap_or("affine") {
        "affine" => affine(layer, own),
        "mxfp4" => small(layer, Element::E2M1, 32, ScaleType::E8M0),
        "mxfp8" => small(layer, Element::E4M3, 32, ScaleType::E8M0),
        "nvfp4" => small(layer, Element::E2M1, 16, ScaleType::E4M3),
        other => {
            let known = ["affine", "mxfp4", "mxfp8", "nvfp4"].into_iter();
            Err(unknown("mode", other, known))
        }
    }
}

/// The settings of a layer: those under its name, or under the longest suffix of it, since the settings of nested models
/// lack the prefix of the tensors' names.
fn own<'m>(all: &'m Value, layer: &str) -> &'m Value {
    let mut names = std::iter::successors(Some(layer), |name| Some(name.split_once('.')?.1));
    let found = names.find_map(|name| Some(&all[name]).filter(|own| own.is_object()));
    found.unwrap_or(&Value::Null)
}

fn affine(layer: &LayerSource, own: &Value) -> Result<Linear> {
    let of = |key: &str| match count(own, key)? {
        Some(value) => Ok(Some(value)),
        None => layer.setting(key),
    };
    let weight = layer.tensor(".weight")?.typed(&[Dtype::U32])?;
    let (scales, biases) = (layer.tensor(".scales")?, layer.tensor(".biases")?);
    let [n, words] = of_one_matrix(layer, weight.shape())?;
    let bits = of("bits")?.unwrap_or(4);
    let group = of("group_size")?.map_or(Group::Len(64), group_of);
    if !(1..=8).contains(&bits) {
        return Err(layer.wrong("bits", "1 to 8", bits));
    }
    packed(&weight, [n, words], (bits, group), [scales, biases])
}

/// A layer of affine codes: `n` rows of `words` words, with a scale and a bias for each group.
pub(super) fn packed(
    weight: &LoadedTensor,
    [n, words]: [usize; 2],
    (bits, group): (usize, Group),
    [scales, biases]: [LoadedTensor; 2],
) -> Result<Linear> {
    let k = words.saturating_mul(32) / bits;
    let groups = match group {
        Group::Len(len) => k.div_ceil(len),
        _ => 1,
    };
    let mut expected = weight.shape().to_vec();
    expected.pop();
    expected.push(groups);
    let (scales, biases) = (scales.shaped(&expected)?, biases.shaped(&expected)?);
    MlxAffineLayout {
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

fn small(layer: &LayerSource, element: Element, group: usize, kind: ScaleType) -> Result<Linear> {
    let weight = layer.tensor(".weight")?.typed(&[Dtype::U32])?;
    let scales = layer.tensor(".scales")?.typed(&[Dtype::U8])?;
    let [n, words] = of_one_matrix(layer, weight.shape())?;
    let k = words.saturating_mul(32) / element.bits();
    let mut expected = weight.shape().to_vec();
    expected.pop();
    expected.push(k.div_ceil(group));
    let scales = scales.shaped(&expected)?;
    MicroscaledLayout {
        n,
        k,
        element,
        group: Group::Len(group),
        packed: &weight.bytes,
        scales: FloatSlice::new(kind, &scales.bytes),
        global: None,
    }
    .linear()
}

//! AWQ: `qweight`, `scales`, and `qzeros`, or `scaled_zeros` as llm-awq names them in version GEMV fast.

use super::super::errors::unknown;
use super::super::layer::{LayerSource, count, group_of};
use super::super::overrides::{Overrides, groups_of};
use crate::layouts::{AwqGemvFastLayout, AwqGemvLayout, AwqLayout};
use crate::{Group, Linear, Result};
use ::safetensors::Dtype;
use serde_json::Value;

const WORDS: &[Dtype] = &[Dtype::I32, Dtype::U32];

pub fn linear(layer: &LayerSource) -> Result<Linear> {
    let settings = layer.quantization;
    // The keys of AutoAWQ and transformers 4, of transformers 5, and of GPTQModel.
    let keys = ["version", "format", "checkpoint_format"];
    let version = keys.into_iter().find_map(|key| settings[key].as_str());
    let version = version.unwrap_or("gemm");
    match &version.to_ascii_lowercase()[..] {
        "gemm" => gemm(layer, &Overrides::dynamic(settings, layer.name)),
        "gemv" => gemv(layer),
        "gemv_fast" | "llm-awq" => gemv_fast(layer),
        _ => {
            let known = ["gemm", "gemv", "gemv_fast", "llm-awq"].into_iter();
            Err(unknown("AWQ version", version, known))
        }
    }
}

/// Layers of version GEMM, also of other tools.
pub fn gemm(layer: &LayerSource, overrides: &Overrides) -> Result<Linear> {
    four_bits(layer)?;
    let qweight = layer.tensor(".qweight")?.typed(WORDS)?;
    let [k, words] = qweight.dims()?;
    let n = words.saturating_mul(8);
    let scales = layer.tensor(".scales")?;
    let [groups, _] = scales.dims()?;
    let scales = scales.shaped(&[groups, n])?;
    let group = match group_size(layer.quantization)? {
        _ if overrides.exist() => overrides.group(layer, k, groups)?,
        Some(group) => group,
        None => Group::Len(128),
    };
    let groups = groups_of(k, group);
    let scales = scales.shaped(&[groups, n])?;
    let qzeros = layer.tensor(".qzeros")?.typed(WORDS)?;
    let qzeros = qzeros.shaped(&[groups, words])?;
    AwqLayout {
        n,
        k,
        group,
        qweight: &qweight.bytes,
        qzeros: &qzeros.bytes,
        scales: scales.scales()?,
    }
    .linear()
}

fn gemv(layer: &LayerSource) -> Result<Linear> {
    four_bits(layer)?;
    let qweight = layer.tensor(".qweight")?.typed(WORDS)?;
    let [n, words] = qweight.dims()?;
    let qzeros = layer.tensor(".qzeros")?.typed(WORDS)?;
    let [_, zero_words] = qzeros.dims()?;
    let qzeros = qzeros.shaped(&[n, zero_words])?;
    let scales = layer.tensor(".scales")?;
    let scales = scales.shaped(&[n, zero_words.saturating_mul(8)])?;
    AwqGemvLayout {
        n,
        k: words.saturating_mul(8),
        group: group_size(layer.quantization)?.unwrap_or(Group::Len(128)),
        qweight: &qweight.bytes,
        qzeros: &qzeros.bytes,
        scales: scales.scales()?,
    }
    .linear()
}

fn gemv_fast(layer: &LayerSource) -> Result<Linear> {
    four_bits(layer)?;
    let qweight = layer.tensor(".qweight")?.typed(&[Dtype::I16, Dtype::U16])?;
    let [rows, k] = qweight.dims()?;
    let n = rows.saturating_mul(4);
    let scales = layer.tensor(".scales")?;
    let [groups, _] = scales.dims()?;
    let scales = scales.shaped(&[groups, n])?;
    let name = if layer.has(".scaled_zeros") {
        ".scaled_zeros"
    } else {
        ".qzeros"
    };
    let scaled_zeros = layer.tensor(name)?.shaped(&[groups, n])?;
    AwqGemvFastLayout {
        n,
        k,
        group: group_size(layer.quantization)?.unwrap_or(Group::Len(128)),
        qweight: &qweight.bytes,
        scales: scales.scales()?,
        scaled_zeros: scaled_zeros.scales()?,
    }
    .linear()
}

/// Checks that the layer has 4 bits, as all versions do.
fn four_bits(layer: &LayerSource) -> Result<()> {
    let settings = layer.quantization;
    for key in ["bits", "w_bit"] {
        match count(settings, key)? {
            None | Some(4) => {}
            Some(bits) => return Err(layer.wrong(key, 4, bits)),
        }
    }
    Ok(())
}

/// Inputs that share a scale, also under the older key of AutoAWQ.
fn group_size(settings: &Value) -> Result<Option<Group>> {
    let size = match count(settings, "group_size")? {
        Some(size) => Some(size),
        None => count(settings, "q_group_size")?,
    };
    Ok(size.map(group_of))
}

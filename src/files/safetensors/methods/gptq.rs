//! GPTQ: `qweight`, `qzeros`, `scales`, `g_idx`.

use super::super::errors::unknown;
use super::super::layer::LayerSource;
use super::super::overrides::Overrides;
use crate::layouts::{GptqLayout, GptqZeros};
use crate::{Linear, Result};
use ::safetensors::Dtype;
use serde_json::Value;

pub fn linear(layer: &LayerSource) -> Result<Linear> {
    let settings = layer.quantization;
    let marlin = settings["is_marlin_format"] == true;
    let format = ["checkpoint_format", "format"].map(|key| settings[key].as_str());
    let format = if marlin {
        "marlin"
    } else {
        format.into_iter().flatten().next().unwrap_or("gptq")
    };
    let v2 = match format {
        "gptq" => false,
        "gptq_v2" => true,
        other => {
            let known = ["gptq", "gptq_v2"].into_iter();
            return Err(unknown("checkpoint_format", other, known));
        }
    };
    // Single layers can differ in bits and groups.
    let overrides = Overrides::dynamic(settings, layer.name);
    packed(layer, &overrides, &[2, 3, 4, 8], |bits| {
        if v2 {
            GptqZeros::AsTheyAre
        } else {
            zeros_of_v1(&settings["meta"], bits)
        }
    })
}

/// How v1 files store zero points depends on the tool: `meta.quantizer` lists the tools with their versions, such as
/// `gptqmodel:5.0.0`.
///
/// - AutoGPTQ (`qlinear_cuda_old.py`), and files that name no tool: fields of 2, 4 and 8 bits are written one lower and
///   read as `(field + 1) & mask`, fields of 3 bits are read as `field + 1`.
/// - GPTQModel (`utils/model.py`, `convert_gptq_v1_to_v2_format_module`): a one for each field is
///   added to whole words, as it was subtracted from them, so that a zero point of 0 changes the fields above it in
///   the word. With 3 bits, versions before 7.0 use the wrong numbers, and later versions treat each field alone.
fn zeros_of_v1(meta: &Value, bits: usize) -> GptqZeros {
    let writers = match &meta["quantizer"] {
        Value::Array(writers) => writers.iter().collect(),
        one => vec![one],
    };
    let mut writers = writers.into_iter().filter_map(Value::as_str);
    let version = writers.find_map(|writer| {
        let (name, version) = writer.split_once(':')?;
        name.eq_ignore_ascii_case("gptqmodel").then_some(version)
    });
    let major = version.map(|v| v.split('.').next().unwrap_or_default().parse::<u64>());
    match (major, bits) {
        (None, 3) => GptqZeros::OneLowerUpTo,
        (None, _) => GptqZeros::OneLower,
        (Some(Ok(..7)), 3) => GptqZeros::LowerWords3,
        (Some(_), 3) => GptqZeros::OneLower,
        (Some(_), _) => GptqZeros::LowerWords,
    }
}

/// A layer in GPTQ's tensors, of any tool. The settings give its bits or, if layers can differ, the shape of its zero
/// points does.
pub fn packed(
    layer: &LayerSource,
    overrides: &Overrides,
    allowed: &[usize],
    zeros: impl Fn(usize) -> GptqZeros,
) -> Result<Linear> {
    let qweight = layer.tensor(".qweight")?.typed(&[Dtype::I32, Dtype::U32])?;
    let qzeros = layer.tensor(".qzeros")?.typed(&[Dtype::I32, Dtype::U32])?;
    let scales = layer.tensor(".scales")?;
    let g_idx = layer.find(".g_idx")?;
    let [rows, n] = qweight.dims()?;
    let [groups, _] = scales.dims()?;
    let scales = scales.shaped(&[groups, n])?;
    let [_, zero_columns] = qzeros.dims()?;

    // [groups, n · bits / 32]
    let found = match n {
        0 => 0,
        n => zero_columns.saturating_mul(32) / n,
    };
    let bits = match layer.setting("bits")? {
        Some(bits) if !overrides.exist() => bits,
        _ => found,
    };
    if !allowed.contains(&bits) {
        return Err(layer.wrong("bits", format!("one of {allowed:?}"), bits));
    }
    let k = rows.saturating_mul(32) / bits;
    let group = overrides.group(layer, k, groups)?;
    let qzeros = qzeros.shaped(&[groups, n.saturating_mul(bits).div_ceil(32)])?;
    let g_idx = match g_idx {
        Some(g_idx) => Some(g_idx.typed(&[Dtype::I32])?.shaped(&[k])?),
        None => None,
    };
    GptqLayout {
        n,
        k,
        bits,
        group,
        zeros: zeros(bits),
        qweight: &qweight.bytes,
        qzeros: &qzeros.bytes,
        scales: scales.scales()?,
        g_idx: g_idx.as_ref().map(|g| &g.bytes[..]),
    }
    .linear()
}

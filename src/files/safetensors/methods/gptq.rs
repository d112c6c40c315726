//! GPTQ: `qweight`, `qzeros`, `scales`, `g_idx`.

use super::super::method::unknown;
use super::Layer;
use crate::layouts::Gptq;
use crate::{Linear, Result};
use ::safetensors::Dtype;

pub fn linear(layer: &Layer) -> Result<Linear> {
    let settings = &layer.model.quantization;
    let checkpoint = settings["checkpoint_format"].as_str().unwrap_or("gptq");
    let v2 = match checkpoint {
        "gptq" => false,
        "gptq_v2" => true,
        other => {
            let known = ["gptq", "gptq_v2"].into_iter();
            return Err(unknown("checkpoint_format", other, known));
        }
    };
    if settings["is_marlin_format"] == true {
        return Err(unknown(
            "checkpoint_format",
            "marlin",
            ["gptq", "gptq_v2"].into_iter(),
        ));
    }
    let qweight = layer.tensor(".qweight")?.typed(&[Dtype::I32, Dtype::U32])?;
    let qzeros = layer.tensor(".qzeros")?.typed(&[Dtype::I32, Dtype::U32])?;
    let scales = layer.tensor(".scales")?;
    let g_idx = layer.find(".g_idx")?;
    let [rows, n] = qweight.dims()?;
    let [groups, _] = scales.dims()?;
    let scales = scales.shaped(&[groups, n])?;
    let [_, zero_columns] = qzeros.dims()?;

    // Some layers of a model may have other bits and groups than the rest (`dynamic`): the shape of
    // the zero points tells how many there are, [groups, n · bits / 32].
    let found = match n {
        0 => 0,
        n => zero_columns.saturating_mul(32) / n,
    };
    let dynamic = settings["dynamic"].is_object();
    let bits = match layer.setting("bits")? {
        Some(bits) if !dynamic => bits,
        _ => found,
    };
    if ![2, 3, 4, 8].contains(&bits) {
        return Err(layer.wrong("bits", "2, 3, 4 or 8", bits));
    }
    let k = rows.saturating_mul(32) / bits;
    let group = match layer.setting("group_size")? {
        Some(group) if !dynamic => group,
        _ => k / groups.max(1),
    };
    // Of a last, short group too.
    let expected_groups = k.div_ceil(if group == 0 { k.max(1) } else { group });
    let scales = scales.shaped(&[expected_groups, n])?;
    let qzeros = qzeros.shaped(&[expected_groups, n.saturating_mul(bits).div_ceil(32)])?;
    let g_idx = match g_idx {
        Some(g_idx) => Some(g_idx.typed(&[Dtype::I32])?.shaped(&[k])?),
        None => None,
    };
    Gptq {
        n,
        k,
        bits,
        group,
        v2,
        qweight: &qweight.bytes,
        qzeros: &qzeros.bytes,
        scales: scales.scales()?,
        g_idx: g_idx.as_ref().map(|g| &g.bytes[..]),
    }
    .linear()
}

//! bitsandbytes: 4 bits with a `quant_state` in JSON, or 8 bits with `SCB`.

use super::super::json::parse;
use super::super::layer::{LayerSource, count};
use crate::layouts::{Absmax, FourBitLayout, Int8Layout, Levels4};
use crate::{Linear, Result};
use ::safetensors::Dtype;
use serde_json::Value;

/// The types that 4-bit codes can be stored as (`bnb_4bit_quant_storage`), all with the same bytes.
const STORAGE: &[Dtype] = &[Dtype::U8, Dtype::I8, Dtype::BF16, Dtype::F16, Dtype::F32];

pub fn linear(layer: &LayerSource) -> Result<Linear> {
    if layer.has(".SCB") {
        return int8(layer);
    }
    // Experts are parameters with a name of their own; other layers have a `weight`.
    let weight = if layer.has("") { "" } else { ".weight" };
    let part = |name: &str| format!("{weight}.{name}");
    let fp4 = part("quant_state.bitsandbytes__fp4");
    let (levels, state) = if layer.has(&fp4) {
        (Levels4::Fp4, fp4)
    } else {
        (Levels4::Nf4, part("quant_state.bitsandbytes__nf4"))
    };
    let state = layer.tensor(&state)?.typed(&[Dtype::U8])?;
    let settings = parse(state.name(), &state.bytes)?;
    let (n, k) = shape(layer, &settings)?;
    let block = count(&settings, "blocksize")?.unwrap_or(64);

    let codes = layer.tensor(weight)?.typed(STORAGE)?;
    let absmax = layer.tensor(&part("absmax"))?;
    if let Some(map) = layer.find(&part("quant_map"))? {
        levels.check(map.scales()?)?;
    }
    let (nested, map);
    let absmax = match layer.find(&part("nested_absmax"))? {
        None => Absmax::Plain(absmax.scales()?),
        Some(tensor) => {
            nested = tensor;
            map = layer.tensor(&part("nested_quant_map"))?;
            let offset = settings["nested_offset"].as_f64();
            let offset = offset.ok_or_else(|| {
                let got = &settings["nested_offset"];
                layer.wrong("nested_offset", "a number", got)
            })?;
            Absmax::Nested {
                codes: &absmax.bytes,
                map: map.scales()?,
                absmax: nested.scales()?,
                block: count(&settings, "nested_blocksize")?.unwrap_or(256),
                offset: offset as f32,
            }
        }
    };
    FourBitLayout {
        n,
        k,
        levels,
        block,
        packed: &codes.bytes,
        absmax,
    }
    .linear()
}

/// The shape of the unpacked weights, with the rows of stacked experts one after the other.
fn shape(layer: &LayerSource, settings: &Value) -> Result<(usize, usize)> {
    let dim = |v: &Value| v.as_u64().and_then(|v| usize::try_from(v).ok());
    let dims = settings["shape"].as_array().map(|dims| dims.iter().map(dim));
    let dims: Option<Vec<usize>> = dims.and_then(|dims| dims.collect());
    match dims.as_deref() {
        Some([rows @ .., k]) if matches!(rows.len(), 1 | 2) => {
            let n = rows.iter().fold(1, |all: usize, &d| all.saturating_mul(d));
            Ok((n, *k))
        }
        _ => Err(layer.wrong("shape", "2 or 3 dimensions", &settings["shape"])),
    }
}

fn int8(layer: &LayerSource) -> Result<Linear> {
    let weight = layer.tensor(".weight")?.typed(&[Dtype::I8])?;
    let [n, k] = weight.dims()?;
    let scb = layer.tensor(".SCB")?.typed(&[Dtype::F32])?.shaped(&[n])?;
    // 0 is row by row. The others are orders for certain GPUs, which are no longer written.
    if let Some(order) = layer.find(".weight_format")? {
        match order.counts()?[..] {
            [0] => {}
            ref other => return Err(layer.wrong("weight_format", "[0]", format!("{other:?}"))),
        }
    }
    Int8Layout {
        n,
        k,
        weight: &weight.bytes,
        scb: scb.scales()?,
    }
    .linear()
}

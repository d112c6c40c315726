//! bitsandbytes: 4 bits with a `quant_state` in JSON, or 8 bits with `SCB`.

use super::super::layer::count;
use super::super::open::parse;
use super::Layer;
use crate::layouts::{Absmax, FourBit, Int8, Levels4};
use crate::{Linear, Result};
use ::safetensors::Dtype;
use serde_json::Value;

pub fn linear(layer: &Layer) -> Result<Linear> {
    if layer.has(".SCB") {
        return int8(layer);
    }
    let fp4 = layer.has(".weight.quant_state.bitsandbytes__fp4");
    let (levels, state) = match fp4 {
        true => (Levels4::Fp4, ".weight.quant_state.bitsandbytes__fp4"),
        false => (Levels4::Nf4, ".weight.quant_state.bitsandbytes__nf4"),
    };
    let state = layer.tensor(state)?.typed(&[Dtype::U8])?;
    let settings = parse(state.name(), &state.bytes)?;
    let (n, k) = shape(layer, &settings)?;
    let block = count(&settings, "blocksize")?.unwrap_or(64);

    let weight = layer.tensor(".weight")?.typed(&[Dtype::U8])?;
    let absmax = layer.tensor(".weight.absmax")?;
    if let Some(map) = layer.find(".weight.quant_map")? {
        levels.check(map.scales()?)?;
    }
    let (nested, map);
    let absmax = match layer.find(".weight.nested_absmax")? {
        None => Absmax::Plain(absmax.scales()?),
        Some(tensor) => {
            nested = tensor;
            map = layer.tensor(".weight.nested_quant_map")?;
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
    FourBit {
        n,
        k,
        levels,
        block,
        packed: &weight.bytes,
        absmax,
    }
    .linear()
}

/// The shape of the weights before they were packed.
fn shape(layer: &Layer, settings: &Value) -> Result<(usize, usize)> {
    let dims = settings["shape"].as_array().map(Vec::as_slice);
    let dim = |v: &Value| v.as_u64().and_then(|v| usize::try_from(v).ok());
    let shape = match dims {
        Some([n, k]) => dim(n).zip(dim(k)),
        _ => None,
    };
    shape.ok_or_else(|| layer.wrong("shape", "2 dimensions", &settings["shape"]))
}

fn int8(layer: &Layer) -> Result<Linear> {
    let weight = layer.tensor(".weight")?.typed(&[Dtype::I8])?;
    let [n, k] = weight.dims()?;
    let scb = layer.tensor(".SCB")?.typed(&[Dtype::F32])?.shaped(&[n])?;
    // 0 is row by row; the others are orders of certain GPUs, no longer written.
    if let Some(order) = layer.find(".weight_format")? {
        match order.counts()?[..] {
            [0] => {}
            ref other => return Err(layer.wrong("weight_format", "[0]", format!("{other:?}"))),
        }
    }
    Int8 {
        n,
        k,
        weight: &weight.bytes,
        scb: scb.scales()?,
    }
    .linear()
}

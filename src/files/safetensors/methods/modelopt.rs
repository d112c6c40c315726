//! ModelOpt: NVFP4 (`weight`, `weight_scale`, `weight_scale_2`), MXFP4, MXFP8, FP8, INT8, and INT4 whose
//! bytes hold two rows.

use super::super::layer::{FLOATS, LayerSource};
use super::{compressed_tensors, fp8};
use crate::layouts::{Element, IntQuantizedLayout, MicroscaledLayout, ModelOptInt4Layout};
use crate::{Group, Linear, OutputScale, Result};
use ::safetensors::Dtype;

pub fn linear(layer: &LayerSource) -> Result<Linear> {
    // SVDQuant adds a low-rank part to the packed one.
    for part in [".svdquant_lora_a", ".weight_quantizer._svdquant_lora_a"] {
        if layer.has(part) {
            return Err(layer.wrong("its parts", "packed weights", format!("{part} too (SVDQuant)")));
        }
    }
    if !layer.has(".weight") && layer.has("") {
        // The order of their dimensions differs from model to model.
        return Err(layer.wrong("its weight", "a tensor of a layer", "experts in one tensor"));
    }
    let weight = layer.tensor(".weight")?;
    let scale = layer.tensor(".weight_scale")?;
    let linear = match (weight.dtype(), scale.dtype()) {
        (Dtype::U8, Dtype::F8_E4M3) => nvfp4(layer)?,
        (Dtype::U8, Dtype::U8 | Dtype::F8_E8M0) => mxfp4(layer)?,
        (Dtype::U8, _) => int4(layer)?,
        (Dtype::I8, _) => int8(layer)?,
        (_, Dtype::U8 | Dtype::F8_E8M0) => compressed_tensors::mxfp8(layer, &weight, &scale)?,
        _ => {
            // The scales of blocks keep the reduced dimensions, each of size 1.
            let flat = match *scale.shape() {
                [rows, 1, columns, 1] => Some(vec![rows, columns]),
                _ => None,
            };
            let scale = match flat {
                Some(shape) => scale.reshaped(shape, None),
                None => scale,
            };
            let block = fp8::whole_blocks(weight.shape(), scale.shape());
            fp8::floats(layer, &weight, &scale, block)?
        }
    };
    // The input scales of AWQ and SmoothQuant, unless they were folded into the previous layer.
    match layer.find(".pre_quant_scale")? {
        None => Ok(linear),
        Some(scales) => linear.with_input_scales(scales.typed(FLOATS)?.finite()?),
    }
}

fn nvfp4(layer: &LayerSource) -> Result<Linear> {
    let global = layer.tensor(".weight_scale_2")?.single()?;
    small(layer, 16, Some(OutputScale::Multiply(global)))
}

fn mxfp4(layer: &LayerSource) -> Result<Linear> {
    small(layer, 32, None)
}

/// Two E2M1 in a byte, with scales of E4M3 or powers of two.
pub fn small(layer: &LayerSource, group: usize, global: Option<OutputScale>) -> Result<Linear> {
    let weight = layer.tensor(".weight")?;
    let [n, bytes] = weight.dims()?;
    let k = bytes.saturating_mul(2);
    let scale = layer.tensor(".weight_scale")?;
    let scale = scale.shaped(&[n, k.div_ceil(group)])?;
    MicroscaledLayout {
        n,
        k,
        element: Element::E2M1,
        group: Group::Len(group),
        packed: &weight.bytes,
        scales: scale.scales_or_powers()?,
        global,
    }
    .linear()
}

/// AWQ's 4 bits. Kernels of 8-bit floats (W4A8) divide by `weight_scale_2` and multiply by it again, so that it has no
/// effect here.
fn int4(layer: &LayerSource) -> Result<Linear> {
    let weight = layer.tensor(".weight")?;
    let [pairs, k] = weight.dims()?;
    let n = pairs.saturating_mul(2);
    let scale = layer.tensor(".weight_scale")?.typed(FLOATS)?;
    let [_, groups] = scale.dims()?;
    let group = match layer.setting("group_size")? {
        Some(group) if group > 0 => group,
        _ if groups > 0 && k.is_multiple_of(groups) => k / groups,
        _ => return Err(layer.wrong("groups of weight_scale", format!("a divisor of {k}"), groups)),
    };
    let scale = scale.shaped(&[n, k.div_ceil(group)])?;
    ModelOptInt4Layout {
        n,
        k,
        group: Group::Len(group),
        packed: &weight.bytes,
        scales: scale.scales()?,
    }
    .linear()
}

/// A signed byte for each weight, with one scale, or one for each row.
pub fn int8(layer: &LayerSource) -> Result<Linear> {
    let weight = layer.tensor(".weight")?;
    let [n, k] = weight.dims()?;
    let scale = layer.tensor(".weight_scale")?.typed(FLOATS)?;
    let scale = match *scale.shape() {
        [] | [1] => scale,
        [rows] if rows == n => scale,
        _ => scale.shaped(&[n, 1])?,
    };
    IntQuantizedLayout {
        n,
        k,
        group: Group::Row,
        weight: &weight.bytes,
        scales: scale.scales()?,
        zero_points: None,
    }
    .linear()
}

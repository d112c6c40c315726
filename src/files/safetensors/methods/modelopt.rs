//! ModelOpt: NVFP4 (`weight`, `weight_scale`, `weight_scale_2`), FP8 and MXFP8 (`weight`, `weight_scale`).

use super::{compressed_tensors, fp8, Layer, FLOATS};
use crate::layouts::{Element, Microscaled};
use crate::{Linear, OutputScale, Result};
use ::safetensors::Dtype;

pub fn linear(layer: &Layer) -> Result<Linear> {
    let weight = layer.tensor(".weight")?;
    let scale = layer.tensor(".weight_scale")?;
    let linear = match (weight.dtype(), scale.dtype()) {
        (Dtype::U8, _) => nvfp4(layer)?,
        (_, Dtype::U8 | Dtype::F8_E8M0) => compressed_tensors::mxfp8(layer, &weight, &scale)?,
        _ => fp8::floats(layer, &weight, &scale, None)?,
    };
    // The inputs' part of AWQ, where it was not folded into the layer before.
    match layer.find(".pre_quant_scale")? {
        None => Ok(linear),
        Some(scales) => linear.with_input_scales(scales.typed(FLOATS)?.finite()?),
    }
}

fn nvfp4(layer: &Layer) -> Result<Linear> {
    let weight = layer.tensor(".weight")?.typed(&[Dtype::U8])?;
    let [n, bytes] = weight.dims()?;
    let k = bytes.saturating_mul(2);
    let scale = layer.tensor(".weight_scale")?.typed(&[Dtype::F8_E4M3])?;
    let scale = scale.shaped(&[n, k.div_ceil(16)])?;
    let global = layer.tensor(".weight_scale_2")?.single()?;
    Microscaled {
        n,
        k,
        element: Element::E2M1,
        group: 16,
        packed: &weight.bytes,
        scales: scale.scales()?,
        global: Some(OutputScale::Multiply(global)),
    }
    .linear()
}

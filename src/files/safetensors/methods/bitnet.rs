//! BitNet: `weight` of four rows a byte, and `weight_scale`.

use super::super::method::unknown;
use super::Layer;
use crate::layouts::BitNet;
use crate::{Linear, OutputScale, Result};
use ::safetensors::Dtype;

pub fn linear(layer: &Layer) -> Result<Linear> {
    let weight = layer.tensor(".weight")?.typed(&[Dtype::U8])?;
    let scale = layer.tensor(".weight_scale")?.single()?;
    let class = layer.model.quantization["linear_class"].as_str();
    let scale = match class.unwrap_or("bitlinear") {
        "bitlinear" => OutputScale::Divide(scale),
        "autobitlinear" => OutputScale::Multiply(scale),
        other => {
            let known = ["bitlinear", "autobitlinear"].into_iter();
            return Err(unknown("linear_class", other, known));
        }
    };
    let [rows, k] = weight.dims()?;
    BitNet {
        n: rows.saturating_mul(4),
        k,
        packed: &weight.bytes,
        scale,
    }
    .linear()
}

//! BitNet: `weight` of four rows a byte, and `weight_scale`; or the floats that ternary weights are made of
//! as the model runs (`quantization_mode` `online`).

use super::super::method::unknown;
use super::super::pattern::Pattern;
use super::{FLOATS, Layer, floats};
use crate::layouts::{BitNet, BitNetLatent};
use crate::{Linear, OutputScale, Result, RmsNorm};
use ::safetensors::Dtype;
use serde_json::Value;

/// A layer with a `weight_scale`, and its bias.
pub fn linear(layer: &Layer) -> Result<Linear> {
    let weight = layer.tensor(".weight")?;
    let scale = layer.tensor(".weight_scale")?.single()?;
    let auto = is_auto(layer)?;
    let scaled = if auto {
        OutputScale::Multiply(scale)
    } else {
        OutputScale::Divide(scale)
    };
    let linear = if auto && FLOATS.contains(&weight.dtype()) {
        // Unpacked already.
        floats(&weight)?.with_scale(scaled)?
    } else {
        let weight = weight.typed(&[Dtype::U8])?;
        let [rows, k] = weight.dims()?;
        BitNet {
            n: rows.saturating_mul(4),
            k,
            packed: &weight.bytes,
            scale: scaled,
        }
        .linear()?
    };
    let linear = normed(layer, linear)?;
    match layer.find(".bias")? {
        // s · (W · x + b) = s · (W · x) + s · b
        Some(bias) if auto => {
            let bias = bias.typed(FLOATS)?.finite()?;
            linear.with_bias(bias.iter().map(|b| scaled.apply(*b)).collect())
        }
        _ => layer.with_bias(linear, ".bias"),
    }
}

/// A layer without a bias of floats that ternary weights are made of, unless it is to stay as it is.
pub fn latent(layer: &Layer) -> Result<Option<Linear>> {
    let settings = &layer.model.quantization;
    if settings["quantization_mode"] != "online" || !is_auto(layer)? || is_kept(layer)? {
        return Ok(None);
    }
    let weight = layer.tensor(".weight")?.typed(FLOATS)?;
    let [n, k] = weight.dims()?;
    let latent = BitNetLatent {
        n,
        k,
        weight: weight.scales()?,
    };
    normed(layer, latent.linear()?).map(Some)
}

fn is_auto(layer: &Layer) -> Result<bool> {
    let class = layer.model.quantization["linear_class"].as_str();
    match class.unwrap_or("bitlinear") {
        "bitlinear" => Ok(false),
        "autobitlinear" => Ok(true),
        other => {
            let known = ["bitlinear", "autobitlinear"].into_iter();
            Err(unknown("linear_class", other, known))
        }
    }
}

/// Whether a layer stays as it is: embeddings, the output layer unless others are named, those named.
fn is_kept(layer: &Layer) -> Result<bool> {
    if layer.is_embedding() {
        return Ok(true);
    }
    match layer.model.quantization["modules_to_not_convert"].as_array() {
        None => Ok(layer.name.ends_with("lm_head")),
        Some(names) => {
            for name in names.iter().filter_map(Value::as_str) {
                let wrong = || layer.wrong("modules_to_not_convert", "plain patterns", name);
                let pattern = Pattern::new(name).ok_or_else(wrong)?;
                if layer.name.ends_with(name) || pattern.matches(layer.name) {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// The layer with the norm of its inputs, where it has one.
fn normed(layer: &Layer, linear: Linear) -> Result<Linear> {
    let settings = &layer.model.quantization;
    let weight = match (settings["use_rms_norm"] == true, layer.find(".rms_norm.weight")?) {
        (true, Some(weight)) => weight,
        (false, None) => return Ok(linear),
        (true, None) => return Err(layer.wrong("use_rms_norm", "false without an rms_norm.weight", true)),
        // transformers would leave it out in silence.
        (false, Some(_)) => return Err(layer.wrong("use_rms_norm", "true with an rms_norm.weight", false)),
    };
    // transformers' default.
    let eps = settings["rms_norm_eps"].as_f64().unwrap_or(1e-6) as f32;
    let weight = weight.typed(FLOATS)?.finite()?;
    linear.with_norm(RmsNorm { weight, eps })
}

//! BitNet: `weight` with four rows in a byte and `weight_scale`, or the floats that are rounded to ternary weights at run
//! time (`quantization_mode` `online`).

use super::super::errors::unknown;
use super::super::layer::{FLOATS, LayerSource};
use super::super::pattern::Pattern;
use super::floats::floats;
use crate::layouts::{BitNetLatentLayout, BitNetLayout};
use crate::{Linear, OutputScale, Result, RmsNorm};
use ::safetensors::Dtype;
use serde_json::Value;

/// A layer with a `weight_scale`, and its bias.
pub fn linear(layer: &LayerSource) -> Result<Linear> {
    let weight = layer.tensor(".weight")?;
    let scale = layer.tensor(".weight_scale")?.single()?;
    let auto = is_auto(layer)?;
    let scaled = if auto {
        OutputScale::Multiply(scale)
    } else {
        OutputScale::Divide(scale)
    };
    let linear = if auto && FLOATS.contains(&weight.dtype()) {
        // The checkpoint was saved unpacked.
        floats(&weight)?.with_scale(scaled)?
    } else {
        let weight = weight.typed(&[Dtype::U8])?;
        let [rows, k] = weight.dims()?;
        BitNetLayout {
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

/// A layer, without its bias, of floats that are rounded to ternary weights; `None` if the layer is not quantized.
pub fn latent(layer: &LayerSource) -> Result<Option<Linear>> {
    let settings = layer.quantization;
    if settings["quantization_mode"] != "online" || !is_auto(layer)? || is_kept(layer)? {
        return Ok(None);
    }
    let weight = layer.tensor(".weight")?.typed(FLOATS)?;
    let [n, k] = weight.dims()?;
    let latent = BitNetLatentLayout {
        n,
        k,
        weight: weight.scales()?,
    };
    normed(layer, latent.linear()?).map(Some)
}

fn is_auto(layer: &LayerSource) -> Result<bool> {
    let class = layer.quantization["linear_class"].as_str();
    match class.unwrap_or("bitlinear") {
        "bitlinear" => Ok(false),
        "autobitlinear" => Ok(true),
        other => {
            let known = ["bitlinear", "autobitlinear"].into_iter();
            Err(unknown("linear_class", other, known))
        }
    }
}

/// Whether a layer is not quantized: embeddings and the listed layers, by default the output layer.
fn is_kept(layer: &LayerSource) -> Result<bool> {
    if layer.is_embedding() {
        return Ok(true);
    }
    match layer.quantization["modules_to_not_convert"].as_array() {
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

/// The layer with the norm of its inputs, if it has one.
fn normed(layer: &LayerSource, linear: Linear) -> Result<Linear> {
    let settings = layer.quantization;
    let weight = match (settings["use_rms_norm"] == true, layer.find(".rms_norm.weight")?) {
        (true, Some(weight)) => weight,
        (false, None) => return Ok(linear),
        (true, None) => return Err(layer.wrong("use_rms_norm", "false without an rms_norm.weight", true)),
        // transformers would silently ignore the norm.
        (false, Some(_)) => return Err(layer.wrong("use_rms_norm", "true with an rms_norm.weight", false)),
    };
    // The default of transformers.
    let eps = settings["rms_norm_eps"].as_f64().unwrap_or(1e-6) as f32;
    let weight = weight.typed(FLOATS)?.finite()?;
    linear.with_norm(RmsNorm { weight, eps })
}

//! From the tensors of a layer to a `Linear`, one file for each method.

mod aqlm;
mod auto_round;
mod awq;
mod bitnet;
mod bitsandbytes;
mod compressed_tensors;
mod experts;
mod floats;
mod fp8;
mod gptq;
mod hqq;
mod metal;
mod mlx;
mod modelopt;
mod mxfp4;
mod quanto;
mod quark;
mod sparse;
mod targets;
mod torchao;
mod transforms;

use super::errors::wrong;
use super::layer::{FLOATS, LayerSource};
use super::method::Method;
use super::packed;
use crate::{Linear, Result};
use floats::floats;
use serde_json::Value;

/// Reads a layer by the method of its model.
pub(super) fn linear(layer: &LayerSource) -> Result<Linear> {
    let method = layer.method;
    if !is_packed(layer) {
        return plain(layer);
    }
    let linear = match method {
        Method::Gptq => gptq::linear(layer),
        Method::Awq => awq::linear(layer),
        Method::BitsAndBytes | Method::Plain => bitsandbytes::linear(layer),
        Method::CompressedTensors => compressed_tensors::linear(layer),
        Method::Hqq => hqq::linear(layer),
        Method::Quanto => quanto::linear(layer),
        Method::BitNet => return bitnet::linear(layer),
        Method::Fp8 | Method::FbgemmFp8 => fp8::linear(layer),
        Method::Mxfp4 => mxfp4::linear(layer),
        Method::Aqlm => aqlm::linear(layer),
        Method::ModelOpt => modelopt::linear(layer),
        Method::TorchAo => torchao::linear(layer),
        Method::Quark => quark::linear(layer),
        Method::Metal => metal::linear(layer),
        Method::Mlx => mlx::linear(layer),
        Method::AutoRound => auto_round::linear(layer),
    }?;
    // Stacked experts append `_bias` to their name.
    let bias = if layer.has("_bias") { "_bias" } else { ".bias" };
    around(layer, layer.with_bias(linear, bias)?)
}

/// Adds what the method does to a layer's inputs and outputs at run time.
fn around(layer: &LayerSource, linear: Linear) -> Result<Linear> {
    match layer.method {
        Method::CompressedTensors => transforms::apply(layer, linear),
        _ => Ok(linear),
    }
}

/// Whether a tensor belongs to what the method does around layers.
pub(super) fn is_part(method: Method, settings: &Value, tensor: &str) -> bool {
    method == Method::CompressedTensors && transforms::is_matrix(settings, tensor)
}

/// Whether a layer has the tensors of a packed layer of the model's method.
pub(super) fn is_packed(layer: &LayerSource) -> bool {
    let method = layer.method;
    let fp8 = matches!(method, Method::Fp8 | Method::FbgemmFp8);
    method.suffixes().iter().any(|suffix| layer.has(suffix))
        || fp8 && [".weight", ""].iter().any(|suffix| layer.is_packed(suffix))
}

/// A layer that is not quantized.
fn plain(layer: &LayerSource) -> Result<Linear> {
    let weight = layer.find(".weight")?;
    let Some(weight) = weight else {
        // Another tool packed the layer, or it does not exist.
        let Some((tensor, whose)) = packed::tensor_of(layer.tensors.infos(), layer.name) else {
            return floats(&layer.tensor(".weight")?);
        };
        let expected = match layer.method {
            Method::Plain => "none",
            method => method.name(),
        };
        let got = format!("{} numbers, as {whose} packs them", tensor.dtype());
        return Err(wrong(tensor.name(), "its packing", expected, got));
    };
    let linear = match layer.method {
        Method::BitNet => bitnet::latent(layer)?,
        _ => None,
    };
    let linear = match linear {
        Some(linear) => linear,
        None => floats(&weight.typed(FLOATS)?)?,
    };
    around(layer, layer.with_bias(linear, ".bias")?)
}

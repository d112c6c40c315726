//! From the tensors of a layer to a `Linear`, one file for each way to quantize.

mod aqlm;
mod auto_round;
mod awq;
mod bitnet;
mod bitsandbytes;
mod compressed_tensors;
mod experts;
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

use super::header::wrong;
use super::layer::{FLOATS, Layer};
use super::method::Method;
use super::packed;
use super::tensor::Tensor;
use crate::layouts::Floats;
use crate::{Linear, Result};
use serde_json::Value;

pub(super) fn linear(layer: &Layer) -> Result<Linear> {
    let method = layer.model.method;
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
    // Experts in one tensor have no name of their own between theirs and that of the bias.
    let bias = if layer.has("_bias") { "_bias" } else { ".bias" };
    around(layer, layer.with_bias(linear, bias)?)
}

/// A whole layer with what its method does to inputs and outputs as the model runs.
fn around(layer: &Layer, linear: Linear) -> Result<Linear> {
    match layer.model.method {
        Method::CompressedTensors => transforms::apply(layer, linear),
        _ => Ok(linear),
    }
}

/// Whether a tensor, whatever its shape, is a part of what is done around layers.
pub(super) fn is_part(method: Method, settings: &Value, tensor: &str) -> bool {
    method == Method::CompressedTensors && transforms::is_matrix(settings, tensor)
}

/// Whether a layer has the tensors that the model's method gives to packed ones.
pub(super) fn is_packed(layer: &Layer) -> bool {
    let method = layer.model.method;
    let fp8 = matches!(method, Method::Fp8 | Method::FbgemmFp8);
    method.suffixes().iter().any(|suffix| layer.has(suffix))
        || fp8 && [".weight", ""].iter().any(|suffix| layer.is_packed(suffix))
}

/// A layer that is not quantized, in a model that may be.
fn plain(layer: &Layer) -> Result<Linear> {
    let (model, weight) = (layer.model, layer.find(".weight")?);
    let Some(weight) = weight else {
        // One that another tool packed, or the plain error of what is not there.
        let Some((tensor, whose)) = packed::tensor_of(model.tensors.infos(), layer.name) else {
            return floats(&layer.tensor(".weight")?);
        };
        let expected = match model.method {
            Method::Plain => "none",
            method => method.name(),
        };
        let got = format!("{} numbers, as {whose} packs them", tensor.dtype());
        return Err(wrong(tensor.name(), "its packing", expected, got));
    };
    let linear = match model.method {
        Method::BitNet => bitnet::latent(layer)?,
        _ => None,
    };
    let linear = match linear {
        Some(linear) => linear,
        None => floats(&weight.typed(FLOATS)?)?,
    };
    around(layer, layer.with_bias(linear, ".bias")?)
}

/// Weights that are floats.
fn floats(weight: &Tensor) -> Result<Linear> {
    let [n, k] = weight.dims()?;
    let weight = weight.scales()?;
    Floats { n, k, weight }.linear()
}

//! From the tensors of a layer to a `Linear`, one file for each way to quantize.

mod aqlm;
mod awq;
mod bitnet;
mod bitsandbytes;
mod compressed_tensors;
mod fp8;
mod gptq;
mod hqq;
mod mlx;
mod modelopt;
mod mxfp4;
mod quanto;

use super::layer::{Layer, FLOATS};
use super::method::Method;
use crate::layouts::Floats;
use crate::{Linear, Result};

pub(super) fn linear(layer: &Layer) -> Result<Linear> {
    let method = layer.model.method;
    if !method.suffixes().iter().any(|suffix| layer.has(suffix)) {
        return layer.with_bias(plain(layer)?, ".bias");
    }
    let linear = match method {
        Method::Gptq => gptq::linear(layer),
        Method::Awq => awq::linear(layer),
        Method::BitsAndBytes | Method::Plain => bitsandbytes::linear(layer),
        Method::CompressedTensors => compressed_tensors::linear(layer),
        Method::Hqq => hqq::linear(layer),
        Method::Quanto => quanto::linear(layer),
        Method::BitNet => bitnet::linear(layer),
        Method::Fp8 | Method::FbgemmFp8 => fp8::linear(layer),
        Method::Mxfp4 => return layer.with_bias(mxfp4::linear(layer)?, "_bias"),
        Method::Aqlm => aqlm::linear(layer),
        Method::ModelOpt => modelopt::linear(layer),
        Method::Mlx => mlx::linear(layer),
    }?;
    layer.with_bias(linear, ".bias")
}

/// A layer that is not quantized, in a model that may be.
fn plain(layer: &Layer) -> Result<Linear> {
    let weight = layer.tensor(".weight")?.typed(FLOATS)?;
    let [n, k] = weight.dims()?;
    let weight = weight.scales()?;
    Floats { n, k, weight }.linear()
}

//! From the tensors of a layer to a `Linear`, one file for each method.

mod aqlm;
mod auto_round;
mod awq;
mod bitnet;
mod bitsandbytes;
mod compressed_tensors;
mod dispatch;
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

pub(super) use dispatch::{is_packed, is_part, linear};

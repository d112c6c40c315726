//! The layouts of other tools: from their tensors to a [`Linear`](crate::Linear), one type `XLayout` for each.
//!
//! Tensors are given as the bytes of the tool's files (little-endian, of any alignment) and [`FloatSlice`]s; a slice of
//! words is `bytemuck::cast_slice(words)`. Lengths are compared with the shape before memory is reserved, so that memory
//! is limited to a small multiple of the tensors. The `safetensors` module knows the names, types and shapes in
//! checkpoints.
//!
//! | Tool | Type | Becomes | Exact |
//! |---|---|---|---|
//! | GPTQ, AutoRound, 2 to 8 bits | [`GptqLayout`] | `INTn_QZEROS`, permuted inputs | codes, scales, zero points; the tool rounds to f16 |
//! | AWQ, GEMM | [`AwqLayout`] | `INT4_QZEROS` | codes, scales, zero points; the tool rounds to f16 |
//! | AWQ, GEMV | [`AwqGemvLayout`] | `INT4_QZEROS` | as GEMM |
//! | AWQ, GEMV fast | [`AwqGemvFastLayout`] | `INT4_BIAS` | codes, scales, scaled zero points; the tool rounds to f16 |
//! | bitsandbytes NF4, FP4 | [`FourBitLayout`] | `NF4`, `FP4` | weights, double quantization too |
//! | bitsandbytes LLM.int8() | [`Int8Layout`] | `INT8` by rows, divided by 127 | weights; the tool rounds inputs |
//! | compressed-tensors `pack-quantized`, 1 to 8 bits | [`PackQuantizedLayout`] | `INTn`, `INTn_QZEROS` | weights |
//! | compressed-tensors `int-quantized` | [`IntQuantizedLayout`] | `INT8`, `INT8_QZEROS` | weights |
//! | compressed-tensors `float-quantized`, DeepSeek, fbgemm | [`Fp8Layout`] | `FP8_E4M3`, `FP8_E5M2` | weights |
//! | NVFP4 of compressed-tensors, ModelOpt, MLX | [`MicroscaledLayout`] | `FP4_E2M1`, one global scale | weights; compressed-tensors rounds to bf16 |
//! | MXFP4, MXFP6, MXFP8 of all of them and gpt-oss | [`MicroscaledLayout`] | `FP4_E2M1`, `FP6_E2M3`, `FP8_E4M3`, ... | weights |
//! | HQQ, 1 to 8 bits, axis 1 | [`HqqLayout`] | `INTn_ASYM`, zero points not whole | weights in f32 |
//! | HQQ, axis 0 | [`HqqLayout`] | `INTn_COLUMNS` | weights in f32 |
//! | quanto `qint2`, `qint4` | [`QuantoBitsLayout`] | `INTn_BIAS` | weights in f32 |
//! | quanto `qint8`, `qfloat8` | [`QuantoBytesLayout`] | `INT8`, `FP8_E4M3`, `FP8_E5M2` | weights |
//! | MLX `affine`, 1 to 8 bits | [`MlxAffineLayout`] | `INTn_BIAS` | weights in f32 |
//! | ONNX Runtime `MatMulNBits`, 2, 4, 8 bits | [`MatMulNBitsLayout`] | `INTn`, `INTn_QZEROS` | weights |
//! | BitNet b1.58, packed | [`BitNetLayout`] | `TERNARY`, one output scale | weights |
//! | BitNet b1.58, `online` | [`BitNetLatentLayout`] | `TERNARY`, one output scale | levels; the mean is taken in f64 |
//! | ModelOpt INT4 | [`ModelOptInt4Layout`] | `INT4` | weights |
//! | torchao `Int4Tensor` | [`TorchAoInt4Layout`] | `INT4_BIAS` | weights to a rounding of f32 |
//! | AQLM 1x16, 2x8 | [`AqlmLayout`] | `AQLM_1X16`, `AQLM_2X8` | weights in f32 |
//! | not quantized | [`FloatsLayout`] | `F32`, `F16`, `BF16` | weights |
//!
//! `INTn_QZEROS` is for zero points of 2, 3, 4 and 8 bits in groups; those of other bits and of whole rows, those outside
//! 0 to 2^n - 1, and those of so few groups that it takes more bytes are numbers of `INTn_ASYM`.

mod aqlm;
mod awq;
mod awq_gemv;
mod bitnet;
mod bitsandbytes;
mod compressed_tensors;
mod elements;
mod fields;
mod floats;
mod fp8;
mod gptq;
mod groups;
mod hqq;
mod microscaled;
mod mlx;
mod modelopt;
mod onnx;
mod order;
mod quanto;
mod scales;
mod torchao;

pub use aqlm::AqlmLayout;
pub use awq::AwqLayout;
pub use awq_gemv::{AwqGemvFastLayout, AwqGemvLayout};
pub use bitnet::{BitNetLatentLayout, BitNetLayout};
pub use bitsandbytes::{Absmax, FourBitLayout, Int8Layout, Levels4};
pub use compressed_tensors::{IntQuantizedLayout, PackQuantizedLayout};
pub use elements::Element;
pub use floats::FloatsLayout;
pub use fp8::Fp8Layout;
pub use gptq::{GptqLayout, GptqZeros};
pub use hqq::HqqLayout;
pub use microscaled::MicroscaledLayout;
pub use mlx::MlxAffineLayout;
pub use modelopt::ModelOptInt4Layout;
pub use onnx::{MatMulNBitsLayout, ZeroPoints};
pub use quanto::{QuantoBitsLayout, QuantoByte, QuantoBytesLayout};
pub use scales::FloatSlice;
pub use torchao::TorchAoInt4Layout;

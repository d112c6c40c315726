//! The layouts of other tools: from their tensors to a [`Linear`](crate::Linear), one type for each.
//!
//! A tool's tensors are given as the bytes that its files hold (little-endian, of any alignment) and
//! [`Scales`]; a slice of words is `bytemuck::cast_slice(words)`. Lengths are compared with the shape
//! before anything is reserved, so that nothing larger than a small multiple of the tensors is.
//! Names, types and shapes in checkpoints are the `safetensors` module's to know.
//!
//! | Tool | Type | Becomes | Exact |
//! |---|---|---|---|
//! | GPTQ, AutoRound, 2 to 8 bits | [`Gptq`] | `INTn_ASYM`, permuted inputs | codes, scales, zero points; the tool rounds to f16 |
//! | AWQ, GEMM | [`Awq`] | `INT4_ASYM` | codes, scales, zero points; the tool rounds to f16 |
//! | AWQ, GEMV | [`AwqGemv`] | `INT4_ASYM` | as GEMM |
//! | AWQ, GEMV fast | [`AwqGemvFast`] | `INT4_BIAS` | codes, scales, scaled zero points; the tool rounds to f16 |
//! | bitsandbytes NF4, FP4 | [`FourBit`] | `NF4`, `FP4` | weights, double quantization too |
//! | bitsandbytes LLM.int8() | [`Int8`] | `INT8` by rows, divided by 127 | weights; the tool rounds inputs |
//! | compressed-tensors `pack-quantized`, 1 to 8 bits | [`PackQuantized`] | `INTn`, `INTn_ASYM` | weights |
//! | compressed-tensors `int-quantized` | [`IntQuantized`] | `INT8`, `INT8_ASYM` | weights |
//! | compressed-tensors `float-quantized`, DeepSeek, fbgemm | [`Fp8`] | `FP8_E4M3`, `FP8_E5M2` | weights |
//! | NVFP4 of compressed-tensors, ModelOpt, MLX | [`Microscaled`] | `FP4_E2M1`, one global scale | weights; compressed-tensors rounds to bf16 |
//! | MXFP4, MXFP6, MXFP8 of all of them and gpt-oss | [`Microscaled`] | `FP4_E2M1`, `FP6_E2M3`, `FP8_E4M3`, ... | weights |
//! | HQQ, 1 to 8 bits, axis 1 | [`Hqq`] | `INTn_ASYM`, zero points not whole | weights in f32 |
//! | HQQ, axis 0 | [`Hqq`] | `INTn_COLUMNS` | weights in f32 |
//! | quanto `qint2`, `qint4` | [`QuantoBits`] | `INTn_BIAS` | weights in f32 |
//! | quanto `qint8`, `qfloat8` | [`QuantoBytes`] | `INT8`, `FP8_E4M3`, `FP8_E5M2` | weights |
//! | MLX `affine`, 1 to 8 bits | [`MlxAffine`] | `INTn_BIAS` | weights in f32 |
//! | ONNX Runtime `MatMulNBits`, 2, 4, 8 bits | [`MatMulNBits`] | `INTn`, `INTn_ASYM` | weights |
//! | BitNet b1.58, packed | [`BitNet`] | `TERNARY`, one output scale | weights |
//! | BitNet b1.58, `online` | [`BitNetLatent`] | `TERNARY`, one output scale | levels; the mean is taken in f64 |
//! | ModelOpt INT4 | [`ModelOptInt4`] | `INT4` | weights |
//! | torchao `Int4Tensor` | [`TorchAoInt4`] | `INT4_BIAS` | weights to a rounding of f32 |
//! | AQLM 1x16, 2x8 | [`Aqlm`] | `AQLM_1X16`, `AQLM_2X8` | weights in f32 |
//! | not quantized | [`Floats`] | `F32`, `F16`, `BF16` | weights |

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

pub use aqlm::Aqlm;
pub use awq::Awq;
pub use awq_gemv::{AwqGemv, AwqGemvFast};
pub use bitnet::{BitNet, BitNetLatent};
pub use bitsandbytes::{Absmax, FourBit, Int8, Levels4};
pub use compressed_tensors::{IntQuantized, PackQuantized};
pub use elements::Element;
pub use floats::Floats;
pub use fp8::Fp8;
pub use gptq::{Gptq, GptqZeros};
pub use hqq::Hqq;
pub use microscaled::Microscaled;
pub use mlx::MlxAffine;
pub use modelopt::ModelOptInt4;
pub use onnx::{MatMulNBits, ZeroPoints};
pub use quanto::{QuantoBits, QuantoByte, QuantoBytes};
pub use scales::Scales;
pub use torchao::TorchAoInt4;

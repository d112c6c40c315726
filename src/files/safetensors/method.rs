//! Methods of quantization: their names in configurations, and the tensors by which they are recognized.

use super::errors::unknown;
use super::settings;
use crate::Result;
use Method::*;
use serde_json::Value;
use std::fmt;

/// A method of quantization, as `quant_method` in a configuration names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// Not quantized: f32, f16 or bf16 weights. Layers of bitsandbytes are still recognized, since they describe
    /// themselves.
    Plain,
    /// GPTQ, by AutoGPTQ or GPTQModel.
    Gptq,
    /// AWQ, in the three layouts of AutoAWQ.
    Awq,
    /// NF4, FP4, LLM.int8().
    BitsAndBytes,
    /// llm-compressor and vLLM.
    CompressedTensors,
    /// HQQ.
    Hqq,
    /// optimum-quanto.
    Quanto,
    /// BitNet b1.58.
    BitNet,
    /// FP8 with one scale per tensor or block, as in DeepSeek's checkpoints.
    Fp8,
    /// FP8 with one scale per row (fbgemm).
    FbgemmFp8,
    /// MXFP4 of gpt-oss.
    Mxfp4,
    /// AQLM.
    Aqlm,
    /// NVIDIA's Model Optimizer.
    ModelOpt,
    /// torchao.
    TorchAo,
    /// AMD's Quark.
    Quark,
    /// The format of transformers for Apple GPUs, close to MLX.
    Metal,
    /// MLX.
    Mlx,
    /// AutoRound, in the layouts of GPTQ and AWQ.
    AutoRound,
}

/// Each method, its name, and the suffixes of tensors that only a quantized layer has.
const METHODS: &[(Method, &str, &[&str])] = &[
    (Plain, "none", BITSANDBYTES),
    (Gptq, "gptq", &[".qweight", ".qzeros", ".scales", ".g_idx"]),
    (Awq, "awq", &[".qweight", ".qzeros", ".scales", ".scaled_zeros"]),
    (BitsAndBytes, "bitsandbytes", BITSANDBYTES),
    (
        CompressedTensors,
        "compressed-tensors",
        &[
            ".weight_packed",
            ".weight_scale",
            ".weight_global_scale",
            ".weight_zero_point",
            ".compressed",
            ".bitmask",
        ],
    ),
    (Hqq, "hqq", &[".W_q"]),
    (
        Quanto,
        "quanto",
        &[
            ".weight._data._data",
            ".weight._data",
            ".weight._scale",
            ".weight._shift",
        ],
    ),
    (BitNet, "bitnet", &[".weight_scale"]),
    (Fp8, "fp8", &[".weight_scale_inv", ".weight_scale", "_scale_inv"]),
    (FbgemmFp8, "fbgemm_fp8", &[".weight_scale"]),
    (Mxfp4, "mxfp4", &["_blocks", "_scales"]),
    (Aqlm, "aqlm", &[".codes", ".codebooks", ".scales"]),
    (
        ModelOpt,
        "modelopt",
        &[".weight_scale_2", ".weight_scale", "_weight_scale_2", "_weight_scale"],
    ),
    (TorchAo, "torchao", &["._weight_qdata", "._weight_scale"]),
    (Quark, "quark", &[".weight_scale"]),
    (Metal, "metal", &[".scales", ".qbiases"]),
    (Mlx, "mlx", &[".scales", ".biases"]),
    (AutoRound, "auto-round", &[".qweight", ".qzeros", ".scales", ".g_idx"]),
];

const BITSANDBYTES: &[&str] = &[
    ".weight.quant_state.bitsandbytes__nf4",
    ".weight.quant_state.bitsandbytes__fp4",
    ".weight.absmax",
    ".SCB",
    // Experts are parameters without a `weight`.
    ".quant_state.bitsandbytes__nf4",
    ".quant_state.bitsandbytes__fp4",
];

impl Method {
    /// The name: that of `quant_method` in configurations, `mlx`, or `none`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    fn row(self) -> &'static (Method, &'static str, &'static [&'static str]) {
        let mut rows = METHODS.iter();
        // A test checks that each method has its row.
        rows.find(|row| row.0 == self).unwrap_or(&METHODS[0])
    }

    /// The suffixes of the tensors of a quantized layer.
    pub(super) fn suffixes(self) -> &'static [&'static str] {
        self.row().2
    }

    /// The layer that is quantized if this tensor exists.
    pub(super) fn marked(self, tensor: &str) -> Option<&str> {
        let mut suffixes = self.suffixes().iter();
        suffixes.find_map(|suffix| tensor.strip_suffix(suffix))
    }

    /// The layer that some method quantized if this tensor exists, and the first such method.
    pub(super) fn of_tensor(tensor: &str) -> Option<(&str, Method)> {
        METHODS.iter().find_map(|row| Some((row.0.marked(tensor)?, row.0)))
    }

    /// The method that a configuration names, and its settings.
    pub(super) fn of(config: &Value) -> Result<(Method, Value)> {
        let Some(settings) = settings::find(config) else {
            return Ok((Plain, Value::Null));
        };
        let Value::String(name) = &settings["quant_method"] else {
            return Err(unknown(
                "quant_method",
                &settings["quant_method"].to_string(),
                METHODS[1..].iter().map(|m| m.1),
            ));
        };
        // Other names of the same layouts.
        let name = match &name[..] {
            "bitsandbytes_4bit" | "bitsandbytes_8bit" => "bitsandbytes",
            "modelopt_fp4" | "modelopt_mxfp8" => "modelopt",
            "optimum-quanto" => "quanto",
            "mxfp8" => "fp8",
            "auto_round" | "autoround" | "intel/auto-round" => "auto-round",
            name => name,
        };
        let method = METHODS.iter().find(|m| m.1 == name && m.0 != Plain);
        match method {
            Some(&(method, ..)) => Ok((method, settings)),
            None => Err(unknown("quant_method", name, METHODS[1..].iter().map(|m| m.1))),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_a_row_of_its_own() {
        for (i, row) in METHODS.iter().enumerate() {
            assert_eq!(row.0.row().1, METHODS[i].1);
        }
        let last = METHODS[METHODS.len() - 1].0;
        assert_eq!(
            METHODS.len(),
            last as usize + 1,
            "METHODS is in the order of the enum, with a row for each variant: {last} is last"
        );
    }
}

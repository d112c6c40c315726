//! AutoRound: the tensors of GPTQ or AWQ, depending on `packing_format`.

use super::super::errors::unknown;
use super::super::layer::LayerSource;
use super::super::overrides::Overrides;
use super::{awq, gptq};
use crate::layouts::GptqZeros;
use crate::{Linear, Result};

pub fn linear(layer: &LayerSource) -> Result<Linear> {
    let settings = layer.quantization;
    let overrides = Overrides::extra_config(settings, layer.name);
    let data_type = overrides.text(settings, "data_type").unwrap_or("int");
    if data_type != "int" {
        return Err(unknown("data_type", data_type, ["int"].into_iter()));
    }
    // Early versions call it `backend`. The parts after the first name kernels.
    let format = ["packing_format", "backend"].map(|key| settings[key].as_str());
    let format = format.into_iter().flatten().next();
    let format = format.unwrap_or("auto_round:auto_gptq");
    let has = |part: &str| format.contains(part);
    if !has("auto_round") || ["fp8", "fp4", "mxint", "w8a8"].into_iter().any(has) {
        let known = ["auto_round", "auto_round:auto_gptq", "auto_round:auto_awq"];
        return Err(unknown("packing_format", format, known.into_iter()));
    }
    if has("awq") {
        return awq::gemm(layer, &overrides);
    }
    // AutoRound's own packing, and GPTQModel's kernels for it, store zero points unchanged (`qlinear_torch.py`). The
    // other packing writes them one lower, but at least 0, and reads them one higher (`qlinear_torch_zp.py`).
    let lower = has("_zp") || (has("gptq") && !has("gptqmodel"));
    let zeros = if lower {
        GptqZeros::OneLowerUpTo
    } else {
        GptqZeros::AsTheyAre
    };
    gptq::packed(layer, &overrides, &[2, 3, 4, 5, 6, 7, 8], |_| zeros)
}

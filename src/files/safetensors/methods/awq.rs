//! AWQ: `qweight`, `qzeros`, `scales`.

use super::super::method::unknown;
use super::Layer;
use crate::layouts::Awq;
use crate::{Linear, Result};
use ::safetensors::Dtype;

pub fn linear(layer: &Layer) -> Result<Linear> {
    let version = layer.model.quantization["version"]
        .as_str()
        .unwrap_or("gemm");
    if !version.eq_ignore_ascii_case("gemm") {
        return Err(unknown("AWQ version", version, ["gemm"].into_iter()));
    }
    match layer.setting("bits")? {
        None | Some(4) => {}
        Some(bits) => return Err(layer.wrong("bits", 4, bits)),
    }
    let qweight = layer.tensor(".qweight")?.typed(&[Dtype::I32, Dtype::U32])?;
    let [k, words] = qweight.dims()?;
    let n = words.saturating_mul(8);
    let group = layer.setting("group_size")?.unwrap_or(128);
    let groups = k.div_ceil(if group == 0 { k.max(1) } else { group });
    let qzeros = layer.tensor(".qzeros")?.typed(&[Dtype::I32, Dtype::U32])?;
    let qzeros = qzeros.shaped(&[groups, words])?;
    let scales = layer.tensor(".scales")?.shaped(&[groups, n])?;
    Awq {
        n,
        k,
        group,
        qweight: &qweight.bytes,
        qzeros: &qzeros.bytes,
        scales: scales.scales()?,
    }
    .linear()
}

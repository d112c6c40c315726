//! gpt-oss: `NAME_blocks` and `NAME_scales`, each with all experts in one tensor.

use super::super::layer::LayerSource;
use crate::layouts::{Element, MicroscaledLayout};
use crate::{Group, Linear, Result};
use ::safetensors::Dtype;

pub fn linear(layer: &LayerSource) -> Result<Linear> {
    let blocks = layer.tensor("_blocks")?.typed(&[Dtype::U8])?;
    let scales = layer.tensor("_scales")?;
    // [experts, n, groups, 16], experts one after the other.
    let [rows @ .., groups, 16] = blocks.shape() else {
        let got = format!("{:?}", blocks.shape());
        return Err(layer.wrong("shape of its blocks", "[.., groups, 16]", got));
    };
    let scales = scales.shaped(&blocks.shape()[..blocks.shape().len() - 1])?;
    MicroscaledLayout {
        n: rows.iter().fold(1, |all, &d| all.saturating_mul(d)),
        k: groups.saturating_mul(32),
        element: Element::E2M1,
        group: Group::Len(32),
        packed: &blocks.bytes,
        scales: scales.powers()?,
        global: None,
    }
    .linear()
}

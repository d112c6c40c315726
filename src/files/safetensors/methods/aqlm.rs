//! AQLM: `codes`, `codebooks`, `scales`.

use super::super::layer::LayerSource;
use crate::layouts::AqlmLayout;
use crate::{Linear, Result};
use ::safetensors::Dtype;

pub fn linear(layer: &LayerSource) -> Result<Linear> {
    let codes = layer.tensor(".codes")?;
    let codebooks = layer.tensor(".codebooks")?;
    let [books, entries, rows, columns] = codebooks.dims()?;
    let dtype = match (books, entries) {
        (1, 65536) => Dtype::I16,
        (2, 256) => Dtype::I8,
        _ => {
            let got = format!("{books} of {entries}");
            return Err(layer.wrong("codebooks", "1 of 65536 or 2 of 256", got));
        }
    };
    if (rows, columns) != (1, 8) {
        return Err(layer.wrong("weights of an entry", "[1, 8]", format!("{:?}", [rows, columns])));
    }
    let codes = codes.typed(&[dtype])?;
    let [n, groups, _] = codes.dims()?;
    let codes = codes.shaped(&[n, groups, books])?;
    let scales = layer.tensor(".scales")?.shaped(&[n, 1, 1, 1])?;
    AqlmLayout {
        n,
        k: groups.saturating_mul(8),
        books,
        codes: &codes.bytes,
        codebooks: codebooks.scales()?,
        scales: scales.scales()?,
    }
    .linear()
}

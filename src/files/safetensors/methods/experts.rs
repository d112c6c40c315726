//! Stacked experts, `[experts, n, k]`, as one matrix with the rows of all experts.

use super::super::layer::LayerSource;
use super::super::tensor::LoadedTensor;
use crate::{Error, Result};

/// A tensor of two or more dimensions as a matrix: all dimensions but the last are rows.
pub fn rows<'m>(layer: &LayerSource, tensor: LoadedTensor<'m>) -> Result<LoadedTensor<'m>> {
    let shape = of_one_matrix(layer, tensor.shape())?;
    Ok(tensor.reshaped(shape.to_vec(), None))
}

/// The rows of all experts, and the columns of each.
pub fn of_one_matrix(layer: &LayerSource, shape: &[usize]) -> Result<[usize; 2]> {
    match shape {
        [rows @ .., columns] if !rows.is_empty() => {
            let rows = rows.iter().fold(1, |all: usize, &d| all.saturating_mul(d));
            Ok([rows, *columns])
        }
        shape => Err(layer.wrong("dimensions of its weight", "2 or more", shape.len())),
    }
}

/// The scales of experts as those of the rows of one matrix, `[experts · n, groups]`.
///
/// Each expert has one scale, one for each row, or one for each block: blocks of size `block` if their number fits,
/// otherwise blocks of equal size. Also returns the columns of a block.
pub fn scales<'m>(
    layer: &LayerSource,
    [experts, n, k]: [usize; 3],
    scales: LoadedTensor<'m>,
    block: Option<(usize, usize)>,
) -> Result<(LoadedTensor<'m>, usize)> {
    let wrong = |scales: &LoadedTensor| {
        let got = format!("{:?} for experts of [{experts}, {n}, {k}]", scales.shape());
        let expected = "one an expert, one a row, or one a block";
        layer.wrong("shape of its scales", expected, got)
    };
    let (rows, groups) = match *scales.shape() {
        [e] | [e, 1] if e == experts => (1, 1),
        [e, rows] if (e, rows) == (experts, n) => (n, 1),
        [e, rows, groups] if e == experts && rows > 0 && groups > 0 => (rows, groups),
        _ => return Err(wrong(&scales)),
    };
    let (block_rows, columns) = match block {
        Some((r, c)) if r > 0 && c > 0 && (rows, groups) == (n.div_ceil(r), k.div_ceil(c)) => (r, c),
        _ if n.is_multiple_of(rows) && k.is_multiple_of(groups) => (n / rows, k / groups),
        _ => return Err(wrong(&scales)),
    };
    if experts == 0 || n == 0 || k == 0 {
        return Err(Error::Empty { n, k });
    }
    // Rows repeat the scales of their block, at most one scale per weight.
    let run = scales.bytes.len() / experts / rows;
    let mut bytes = Vec::with_capacity(experts * n * run);
    for expert in 0..experts {
        for row in 0..n {
            let at = (expert * rows + row / block_rows) * run;
            bytes.extend_from_slice(&scales.bytes[at..at + run]);
        }
    }
    Ok((scales.reshaped(vec![experts * n, groups], Some(bytes)), columns))
}

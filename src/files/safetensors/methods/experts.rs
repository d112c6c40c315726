//! Experts in one tensor, `[experts, n, k]`: their rows one after the other, as one matrix.

use super::super::tensor::Tensor;
use super::Layer;
use crate::{Error, Result};

/// A tensor of two dimensions or more with all but the last as rows: its weights, or their bytes.
pub fn rows<'m>(layer: &Layer, tensor: Tensor<'m>) -> Result<Tensor<'m>> {
    let shape = of_one_matrix(layer, tensor.shape())?;
    Ok(tensor.reshaped(shape.to_vec(), None))
}

/// The rows of all experts, and the columns of each.
pub fn of_one_matrix(layer: &Layer, shape: &[usize]) -> Result<[usize; 2]> {
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
/// Each expert has scales of its own: one, one a row, or one for each of its blocks, of the length in
/// `block` where that many fit, else of equal lengths. Also gives the columns of a block.
pub fn scales<'m>(
    layer: &Layer,
    [experts, n, k]: [usize; 3],
    scales: Tensor<'m>,
    block: Option<(usize, usize)>,
) -> Result<(Tensor<'m>, usize)> {
    let wrong = |scales: &Tensor| {
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
    // Rows repeat the scales of their block: at most one scale a weight.
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

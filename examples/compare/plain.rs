//! Models other than Llama: the error of their weights, by the methods that need no inputs.

use crate::measure::{Mean, Row, square};
use crate::model::{Fallible, Model, Tensor};
use crate::{Args, Jobs};
use lowbit::Dense;

/// One row for each format, over all float matrices.
pub fn compare(args: &Args, model: &Model) -> Fallible<Vec<Row>> {
    let is_matrix = |t: &&Tensor| {
        let floats = ["F32", "F16", "BF16"].contains(&t.kind.name);
        floats && t.dims.len() == 2 && t.rows() > 1
    };
    let matrices: Vec<&Tensor> = model.tensors.iter().filter(is_matrix).collect();
    if matrices.is_empty() {
        return Err("it has no float matrix".into());
    }
    let ks: Vec<usize> = matrices.iter().map(|t| t.dims[0] as usize).collect();
    let methods = args.methods().into_iter().filter(|m| !m.needs_text());
    let formats = args.formats(&ks)?;
    let pairs = methods.flat_map(|method| {
        let formats = formats.iter().filter(move |f| method.takes(**f));
        formats.map(move |format| (method, *format))
    });
    let pairs: Vec<_> = pairs.collect();
    if pairs.is_empty() {
        return Err("none of the methods works without inputs in any of the formats".into());
    }
    let jobs = Jobs::new(pairs.len());
    let mut rows = Vec::new();
    for (method, format) in pairs {
        jobs.start(&format!("{} {format}", method.name()));
        let (mut errors, mut bytes, mut weights) = (Mean::default(), 0, 0);
        for (i, tensor) in matrices.iter().enumerate() {
            let w = tensor.to_f32()?;
            let (n, k) = (tensor.rows() as usize, tensor.dims[0] as usize);
            let matrix = method.quantize(format, Dense::new(n, k, &w)?)?;
            let decoded = matrix.dequantize();
            let error: Vec<f32> = decoded.iter().zip(&w).map(|(q, w)| q - w).collect();
            errors.add(square(&error) / square(&w).max(f64::MIN_POSITIVE), w.len());
            bytes += matrix.bytes().len();
            weights += w.len();
            jobs.at((i + 1) as f32 / matrices.len() as f32);
        }
        rows.push(Row {
            method: method.name(),
            format: format.to_string(),
            bits: 8.0 * bytes as f64 / weights as f64,
            weights: errors.value(),
            outputs: None,
            language: None,
        });
        jobs.end();
    }
    jobs.bar.finish_and_clear();
    Ok(rows)
}

//! One tensor from its floats to the bytes of its type.

use crate::model::{Fallible, Tensor};
use half::{bf16, f16};
use lowbit::gguf::TensorType;
use lowbit::{Format, Matrix};

/// Whether `encode` can make this type, before anything is written.
pub fn can_make(kind: TensorType) -> bool {
    matches!(kind, TensorType::F32 | TensorType::F16 | TensorType::BF16)
        || Format::from_gguf(kind.id).is_some()
}

/// The bytes of `tensor` as `kind`. `importance` has k numbers, or k for each expert.
pub fn encode(tensor: &Tensor, kind: TensorType, importance: Option<&[f32]>) -> Fallible<Vec<u8>> {
    if tensor.kind == kind {
        return Ok(tensor.data.to_vec());
    }
    let numbers = tensor.to_f32()?;
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    match kind {
        TensorType::F32 => return Ok(bytes(&numbers, f32::to_le_bytes)),
        TensorType::F16 => return Ok(bytes(&numbers, |v| f16::from_f32(v).to_le_bytes())),
        TensorType::BF16 => return Ok(bytes(&numbers, |v| bf16::from_f32(v).to_le_bytes())),
        _ => {}
    }
    let named = |e: &dyn std::fmt::Display| format!("{}: {e}", tensor.name);
    let format = Format::from_gguf(kind.id)
        .ok_or_else(|| named(&format!("lowbit does not make {} yet", kind.name)))?;
    let k = usize::try_from(tensor.dims[0])?;
    let n = usize::try_from(tensor.dims.get(1).copied().unwrap_or(1))?;
    let experts = numbers.len() / (n * k);
    let per_expert = importance.map(|importance| importance.chunks(k).collect::<Vec<_>>());
    if let Some(of) = &per_expert {
        if of.len() != experts || of.iter().any(|of| of.len() != k) {
            let got = importance.map_or(0, <[f32]>::len);
            let expected = format!("{experts} times {k} numbers of importance, got {got}");
            return Err(named(&expected).into());
        }
    }
    for (expert, of) in per_expert.iter().flatten().enumerate() {
        // An old file counts the rows of all experts together: one that was never asked has nothing.
        if of.iter().all(|&importance| importance == 0.0) {
            let which = format!("expert {expert} of {experts}");
            eprintln!("warning: {}: the importance of {which} is 0", tensor.name);
        }
    }
    let mut out = Vec::new();
    for (expert, numbers) in numbers.chunks(n * k).enumerate() {
        let matrix = match &per_expert {
            Some(of) => Matrix::quantize_weighted(format, n, k, numbers, of[expert]),
            None => Matrix::quantize(format, n, k, numbers),
        };
        out.extend_from_slice(matrix.map_err(|e| named(&e))?.bytes());
    }
    Ok(out)
}

fn bytes<const N: usize>(numbers: &[f32], to: impl Fn(f32) -> [u8; N]) -> Vec<u8> {
    numbers.iter().flat_map(|&v| to(v)).collect()
}

/// Rows of q and k that Hugging Face orders for rotating halves, in the order of neighbours that
/// llama.cpp's `llama` rotates: within each head, row `i` of the first half then row `i` of the second.
pub fn interleave_heads(tensor: &Tensor, heads: u64) -> Fallible<Vec<u8>> {
    let rows = tensor.rows();
    if heads == 0 || !rows.is_multiple_of(2 * heads) {
        let name = &tensor.name;
        return Err(format!("{name}: {rows} rows are not two halves of {heads} heads").into());
    }
    let row_bytes = tensor.data.len() / usize::try_from(rows)?;
    let half = usize::try_from(rows / heads / 2)?;
    let mut out = Vec::with_capacity(tensor.data.len());
    for head in tensor.data.chunks(2 * half * row_bytes) {
        for i in 0..half {
            for row in [i, half + i] {
                out.extend_from_slice(&head[row * row_bytes..][..row_bytes]);
            }
        }
    }
    Ok(out)
}

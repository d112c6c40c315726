//! Encodes the floats of one tensor as the bytes of its type.

use crate::model::{Fallible, Tensor};
use half::{bf16, f16};
use lowbit::gguf::TensorType;
use lowbit::{Dense, Format, Matrix};

/// Whether `encode` can make this type; checked before anything is written.
pub fn can_make(kind: TensorType) -> bool {
    matches!(kind, TensorType::F32 | TensorType::F16 | TensorType::BF16) || Format::from_gguf(kind.id).is_some()
}

/// The bytes of `tensor` as `kind`. `importance` has k numbers, or k for each expert.
pub fn encode(tensor: &Tensor, kind: TensorType, importance: Option<&[f32]>) -> Fallible<Vec<u8>> {
    if tensor.kind == kind {
        check(tensor)?;
        return Ok(tensor.data.to_vec());
    }
    let named = |e: &dyn std::fmt::Display| format!("{}: {e}", tensor.name);
    let numbers = tensor.to_f32()?;
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let floats = match kind {
        TensorType::F32 => Some(bytes(&numbers, f32::to_le_bytes)),
        TensorType::F16 => Some(bytes(&numbers, |v| f16::from_f32(v).to_le_bytes())),
        TensorType::BF16 => Some(bytes(&numbers, |v| bf16::from_f32(v).to_le_bytes())),
        _ => None,
    };
    if let Some(floats) = floats {
        let Some((at, becomes)) = no_number(kind, &floats) else {
            return Ok(floats);
        };
        let (is, kind) = (numbers[at], kind.name);
        return Err(named(&format!("weight {at} is {is}, which {kind} holds as {becomes}")).into());
    }
    let format = Format::from_gguf(kind.id).ok_or_else(|| named(&format!("lowbit does not make {} yet", kind.name)))?;
    let k = usize::try_from(tensor.dims[0])?;
    let n = usize::try_from(tensor.dims.get(1).copied().unwrap_or(1))?;
    let experts = numbers.len() / (n * k);
    let per_expert = importance.map(|importance| importance.chunks(k).collect::<Vec<_>>());
    if let Some(of) = &per_expert
        && (of.len() != experts || of.iter().any(|of| of.len() != k))
    {
        let got = importance.map_or(0, <[f32]>::len);
        let expected = format!("{experts} times {k} numbers of importance, got {got}");
        return Err(named(&expected).into());
    }
    for (expert, of) in per_expert.iter().flatten().enumerate() {
        // Old files count the rows of all experts together, so an expert that was never used has zeros.
        if of.iter().all(|&importance| importance == 0.0) {
            let which = format!("expert {expert} of {experts}");
            eprintln!("warning: {}: the importance of {which} is 0", tensor.name);
        }
    }
    let mut out = Vec::new();
    for (expert, numbers) in numbers.chunks(n * k).enumerate() {
        let matrix = match &per_expert {
            Some(of) => Dense::new(n, k, numbers).and_then(|w| Matrix::quantize_weighted(format, w, of[expert])),
            None => Dense::new(n, k, numbers).and_then(|w| Matrix::quantize(format, w)),
        };
        out.extend_from_slice(matrix.map_err(|e| named(&e))?.bytes());
    }
    Ok(out)
}

fn bytes<const N: usize>(numbers: &[f32], to: impl Fn(f32) -> [u8; N]) -> Vec<u8> {
    numbers.iter().flat_map(|&v| to(v)).collect()
}

/// Fails where a tensor to copy has a NaN or infinite weight, with which llama.cpp does not load a file.
fn check(tensor: &Tensor) -> Fallible<()> {
    if tensor.kind.is_packed() && Format::from_gguf(tensor.kind.id).is_some() {
        return Ok(tensor.matrix()?.validate(&tensor.name)?);
    }
    match no_number(tensor.kind, tensor.data) {
        Some((at, is)) => Err(format!("{}: weight {at} is {is}", tensor.name).into()),
        None => Ok(()),
    }
}

/// The index and the value of the first float that is infinite or NaN.
fn no_number(kind: TensorType, bytes: &[u8]) -> Option<(usize, f32)> {
    if !matches!(kind, TensorType::F32 | TensorType::F16 | TensorType::BF16) {
        return None;
    }
    let numbers = kind.to_f32(bytes)?;
    let at = numbers.iter().position(|v| !v.is_finite())?;
    Some((at, numbers[at]))
}

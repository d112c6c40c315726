//! Plain tensors of safetensors files. Checkpoints of other quantizers, several tensors of which make
//! one matrix, have their place here too: a tensor whose bytes are those of a `lowbit::Matrix`.

use super::{Fallible, Model, Tensor};
use lowbit::gguf::TensorType;
use safetensors::{Dtype, SafeTensors};
use std::path::PathBuf;

pub fn parse<'a>(paths: &[PathBuf], files: &[&'a [u8]]) -> Fallible<Model<'a>> {
    let mut tensors = Vec::new();
    for (path, bytes) in paths.iter().zip(files) {
        let named = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let file = SafeTensors::deserialize(bytes).map_err(|e| named(&e))?;
        let mut views = file.tensors();
        // By place in the file, which is the order that its writer chose.
        views.sort_by_key(|(_, view)| view.data().as_ptr());
        for (name, view) in views {
            let kind = plain(view.dtype())
                .ok_or_else(|| named(&format!("tensor {name:?} is of {:?}", view.dtype())))?;
            let dims = view.shape().iter().rev().map(|&size| size as u64);
            tensors.push(Tensor {
                dims: dims.collect(),
                data: view.data(),
                kind,
                name,
            });
        }
    }
    Ok(Model {
        kind: "safetensors",
        metadata: Vec::new(),
        tensors,
        gguf: None,
    })
}

fn plain(kind: Dtype) -> Option<TensorType> {
    Some(match kind {
        Dtype::F32 => TensorType::F32,
        Dtype::F16 => TensorType::F16,
        Dtype::BF16 => TensorType::BF16,
        Dtype::F64 => TensorType::F64,
        Dtype::I8 => TensorType::I8,
        Dtype::I16 => TensorType::I16,
        Dtype::I32 => TensorType::I32,
        Dtype::I64 => TensorType::I64,
        _ => return None,
    })
}

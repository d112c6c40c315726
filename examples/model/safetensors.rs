//! Plain tensors of safetensors files, borrowed from them. Packed ones are in a `Checkpoint`.

use super::checkpoint::Checkpoint;
use super::{Fallible, Tensor};
use lowbit::gguf::TensorType;
use safetensors::{Dtype, SafeTensors};
use std::path::PathBuf;

/// The tensors of the model: a file may also hold tensors that the index places in another file.
pub fn plain<'a>(paths: &[PathBuf], files: &[&'a [u8]], checkpoint: &Checkpoint) -> Fallible<Vec<Tensor<'a>>> {
    let places = checkpoint.files_of_tensors();
    let mut tensors = Vec::new();
    for (path, bytes) in paths.iter().zip(files) {
        let named = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let file = SafeTensors::deserialize(bytes).map_err(|e| named(&e))?;
        let mut views = file.tensors();
        // By offset in the file, which is the writer's order.
        views.sort_by_key(|(_, view)| view.data().as_ptr());
        let own = path.file_name().and_then(|name| name.to_str());
        for (name, view) in views {
            if places.get(&name[..]).copied() != own {
                continue;
            }
            let kind = kind(view.dtype()).ok_or_else(|| named(&format!("tensor {name:?} is of {:?}", view.dtype())))?;
            let dims = view.shape().iter().rev().map(|&size| size as u64);
            tensors.push(Tensor {
                dims: dims.collect(),
                data: view.data(),
                kind,
                name,
            });
        }
    }
    Ok(tensors)
}

fn kind(kind: Dtype) -> Option<TensorType> {
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

//! Plain tensors of safetensors files, borrowed from them. What is packed is a `Checkpoint`.

use super::folder::Listed;
use super::{Fallible, Tensor};
use lowbit::gguf::TensorType;
use safetensors::{Dtype, SafeTensors};
use std::collections::HashMap;

/// The tensors of these files. Where two have one of the same name, the index says which counts.
pub fn plain<'a>(listed: &Listed, files: &[&'a [u8]]) -> Fallible<Vec<Tensor<'a>>> {
    let mut tensors = Vec::new();
    let mut seen = HashMap::new();
    for (path, bytes) in listed.paths.iter().zip(files) {
        let own = path.file_name().and_then(|name| name.to_str());
        let named = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let file = SafeTensors::deserialize(bytes).map_err(|e| named(&e))?;
        let mut views = file.tensors();
        // By place in the file, which is the order that its writer chose.
        views.sort_by_key(|(_, view)| view.data().as_ptr());
        for (name, view) in views {
            let elsewhere =
                |file: &String| listed.paths.iter().any(|p| p.ends_with(file)) && own != Some(file);
            if listed.index.get(&name).is_some_and(elsewhere) {
                continue;
            }
            if let Some(first) = seen.insert(name.clone(), path) {
                return Err(
                    named(&format!("tensor {name:?} is in {} too", first.display())).into(),
                );
            }
            let kind = kind(view.dtype())
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

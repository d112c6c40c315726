//! The weights that `--weights` names: a matrix of floats, or a packed layer.

use crate::model::Files;
use crate::model::checkpoint::Checkpoint;
use crate::npy::{self, Dense};
use crate::{Fallible, gguf};
use lowbit::Linear;
use std::path::Path;

pub enum Weights {
    Dense(Dense),
    Packed(Box<Linear>),
}

/// The name and the weights; packed ones are decoded if they are to be packed `anew`.
pub fn read(weights: &Path, anew: bool) -> Fallible<(String, Weights)> {
    let (path, tensor) = gguf::split(weights);
    let here = std::env::current_dir().unwrap_or_default();
    let name = path.strip_prefix(here).unwrap_or(&path);
    let name = name.display().to_string();
    let named = |e: Box<dyn std::error::Error>| format!("{name}: {e}");
    // Its errors name the file.
    let files = Files::open(&path)?;
    let bytes = files.bytes();
    let safetensors = path.is_dir() || path.extension().is_some_and(|e| e == "safetensors");
    if bytes[0].starts_with(b"GGUF") {
        let weights = gguf::read(&bytes, tensor.as_deref(), anew).map_err(named)?;
        let tensor = tensor.unwrap_or_default();
        return Ok((format!("{name}:{tensor}"), weights));
    }
    if !safetensors {
        let dense = npy::parse(bytes[0]).map_err(named)?;
        return Ok((name, Weights::Dense(dense)));
    }
    let checkpoint = files.checkpoint()?;
    let (layer, weights) = layer(&checkpoint, tensor.as_deref(), anew).map_err(named)?;
    let first = if tensor.is_none() { ", the first" } else { "" };
    Ok((format!("{name}:{layer}{first}"), weights))
}

/// The layer of this name, or the first, packed ones before others.
fn layer(checkpoint: &Checkpoint, name: Option<&str>, anew: bool) -> Fallible<(String, Weights)> {
    let name = match name {
        Some(name) => checkpoint.layer_named(name)?,
        None => checkpoint.first()?,
    };
    let linear = checkpoint.linear(name)?;
    let weights = if checkpoint.packed().contains(name) && !anew {
        Weights::Packed(Box::new(linear))
    } else {
        Weights::Dense(Dense {
            n: linear.n(),
            k: linear.k(),
            // The matrix to pack does not include a bias.
            weights: linear.dequantize(),
        })
    };
    Ok((name.to_owned(), weights))
}

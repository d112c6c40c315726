//! The `transform_config` of compressed-tensors (QuIP, SpinQuant): what is done to the inputs of a layer
//! while the model runs. What was done to its weights is in them.

use super::super::layer::count;
use super::super::method::unknown;
use super::super::tensor::Tensor;
use super::super::tensors::TensorInfo;
use super::{targets, Layer, FLOATS};
use crate::{Linear, Result, Rotation};
use ::safetensors::Dtype;
use serde_json::Value;

const LOCATIONS: &[&str] = &[
    "input",
    "output",
    "weight_input",
    "weight_output",
    "q_attn",
    "k_cache",
];

/// The layer with the rotation of its inputs.
///
/// # Errors
/// For what a `Linear` has not: transforms of outputs, matrices that are no Hadamard matrices.
pub fn apply(layer: &Layer, mut linear: Linear) -> Result<Linear> {
    let schemes = &layer.model.quantization["transform_config"]["config_groups"];
    for (name, scheme) in schemes.as_object().into_iter().flatten() {
        for args in scheme["apply"].as_array().into_iter().flatten() {
            let inverse = args["inverse"] == true;
            match args["location"].as_str().unwrap_or_default() {
                // Those of weights were done before they were packed; those of queries and keys are not
                // of any linear layer.
                "weight_input" | "weight_output" | "q_attn" | "k_cache" => {}
                _ if !targeted(layer, args)? => {}
                "input" if linear.rotation().is_none() => {
                    let rotation = rotation(layer, name, scheme, inverse, linear.k())?;
                    linear = linear.with_rotation(rotation)?;
                }
                "input" => {
                    return Err(layer.wrong("transforms of its inputs", 1, "2 or more"));
                }
                "output" => {
                    let got = format!("transform_config's {name:?}");
                    return Err(layer.wrong("transforms of its outputs", "none", got));
                }
                other => {
                    let known = LOCATIONS.iter().copied();
                    return Err(unknown("transform location", other, known));
                }
            }
        }
    }
    Ok(linear)
}

/// Whether a tensor of this name holds the matrix of a transform, which is no layer.
pub fn is_matrix(settings: &Value, tensor: &str) -> bool {
    let Some(module) = tensor.strip_suffix(".weight") else {
        return false;
    };
    let last = module.rsplit('.').next().unwrap_or_default();
    let schemes = settings["transform_config"]["config_groups"].as_object();
    let mut names = schemes.into_iter().flat_map(|schemes| schemes.keys());
    names.any(|name| {
        let location = last
            .strip_prefix(&name[..])
            .and_then(|rest| rest.strip_prefix('_'));
        location.is_some_and(|location| LOCATIONS.contains(&location))
    })
}

/// Whether a transform is one of this layer.
fn targeted(layer: &Layer, args: &Value) -> Result<bool> {
    let listed = |list| {
        let wrong = |text| layer.wrong("a target of transform_config", "a plain pattern", text);
        targets::listed(layer, list).map_err(wrong)
    };
    Ok(listed(&args["targets"])? && !listed(&args["ignore"])?)
}

fn rotation(
    layer: &Layer,
    name: &str,
    scheme: &Value,
    inverse: bool,
    k: usize,
) -> Result<Rotation> {
    let wrong = |expected: &str, got: &str| {
        layer.wrong(&format!("transform_config's {name:?}"), expected, got)
    };
    let block = match count(scheme, "head_dim")? {
        None | Some(0) => k,
        Some(head) => head,
    };
    if scheme["randomize"] == true {
        return Err(wrong(
            "a Hadamard matrix in order",
            "one that is permuted (randomize)",
        ));
    }
    let kind = scheme["type"].as_str().unwrap_or_default();
    if !["hadamard", "random-hadamard"].contains(&kind) {
        return Err(wrong("hadamard or random-hadamard", kind));
    }
    let signs = match stored(layer, name, block)? {
        Some(matrix) => signs(&matrix, block, inverse)?.ok_or_else(|| {
            let expected = "signs and a Hadamard matrix in Sylvester's order";
            wrong(expected, "another matrix")
        })?,
        None if kind == "hadamard" => Vec::new(),
        None => return Err(wrong("a stored matrix", "none")),
    };
    // Each block of inputs is rotated by the same matrix.
    let signs = signs.repeat(k / block.max(1));
    Ok(Rotation { block, signs })
}

/// The matrix of a transform: that of the layer, or of another that has the same.
fn stored<'m>(layer: &Layer<'m>, name: &str, block: usize) -> Result<Option<Tensor<'m>>> {
    let suffix = format!(".{name}_input.weight");
    let own = format!("{}{suffix}", layer.name);
    let tensors = &layer.model.tensors;
    let fits = |t: &&TensorInfo| t.shape() == [block, block];
    let mut shared = tensors
        .infos()
        .iter()
        .filter(|t| t.name().ends_with(&suffix));
    match tensors
        .info(&own)
        .filter(fits)
        .or_else(|| shared.find(fits))
    {
        Some(info) => tensors.find(info.name()),
        None => Ok(None),
    }
}

/// The signs `s` of a matrix `diag(s) · H`, where it is one: none where all are 1.
fn signs(matrix: &Tensor, block: usize, inverse: bool) -> Result<Option<Vec<f32>>> {
    let values = match matrix.dtype() {
        Dtype::F64 => {
            let numbers = matrix.bytes.chunks_exact(8).map(|b| {
                let mut eight = [0; 8];
                eight.copy_from_slice(b);
                f64::from_le_bytes(eight) as f32
            });
            numbers.collect()
        }
        dtype if FLOATS.contains(&dtype) => matrix.finite()?,
        _ => return Ok(None),
    };
    let at = |i: usize, j: usize| match inverse {
        true => values[j * block + i],
        false => values[i * block + j],
    };
    let signs: Vec<f32> = (0..block).map(|i| at(i, 0)).collect();
    let hadamard = |i: usize, j: usize| match (i & j).count_ones() % 2 {
        0 => signs[i],
        _ => -signs[i],
    };
    let found = signs.iter().all(|s| s.abs() == 1.0)
        && (0..block).all(|i| (0..block).all(|j| at(i, j) == hadamard(i, j)));
    Ok(match found {
        false => None,
        true if signs.iter().all(|&s| s == 1.0) => Some(Vec::new()),
        true => Some(signs),
    })
}

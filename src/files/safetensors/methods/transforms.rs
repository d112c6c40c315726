//! The `transform_config` of compressed-tensors (QuIP, SpinQuant): rotations of a layer's inputs and outputs at run time.
//! Rotations of its weights were applied before packing.

use super::super::errors::unknown;
use super::super::info::TensorInfo;
use super::super::layer::{FLOATS, LayerSource, count};
use super::super::tensor::LoadedTensor;
use super::targets;
use crate::{Error, Linear, Result, Rotation};
use ::safetensors::Dtype;
use serde_json::Value;

const LOCATIONS: &[&str] = &["input", "output", "weight_input", "weight_output", "q_attn", "k_cache"];

/// Adds the rotations of inputs and outputs to a layer that has its bias.
///
/// # Errors
/// For matrices that are not Hadamard matrices, which a `Linear` cannot represent.
pub fn apply(layer: &LayerSource, mut linear: Linear) -> Result<Linear> {
    let schemes = &layer.quantization["transform_config"]["config_groups"];
    for (name, scheme) in schemes.as_object().into_iter().flatten() {
        for args in scheme["apply"].as_array().into_iter().flatten() {
            let inverse = args["inverse"] == true;
            match args["location"].as_str().unwrap_or_default() {
                // Weights were transformed before packing; queries and keys do not belong to a linear layer.
                "weight_input" | "weight_output" | "q_attn" | "k_cache" => {}
                _ if !targeted(layer, args)? => {}
                "input" if linear.rotation().is_none() => {
                    let matrix = Transform { layer, name, scheme };
                    let rotation = matrix.rotation("input", inverse, linear.k())?;
                    linear = linear.with_rotation(rotation)?;
                }
                "output" if linear.output_rotation().is_none() => {
                    let matrix = Transform { layer, name, scheme };
                    let rotation = matrix.rotation("output", false, linear.n())?;
                    linear = outputs(linear, rotation, inverse)?;
                }
                location @ ("input" | "output") => {
                    let what = format!("transforms of its {location}s");
                    return Err(layer.wrong(&what, 1, "2 or more"));
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

/// Whether the tensor with this name is the matrix of a transform rather than a layer.
pub fn is_matrix(settings: &Value, tensor: &str) -> bool {
    let Some(module) = tensor.strip_suffix(".weight") else {
        return false;
    };
    let last = module.rsplit('.').next().unwrap_or_default();
    let schemes = settings["transform_config"]["config_groups"].as_object();
    let mut names = schemes.into_iter().flat_map(|schemes| schemes.keys());
    names.any(|name| {
        let location = last.strip_prefix(&name[..]).and_then(|rest| rest.strip_prefix('_'));
        location.is_some_and(|location| LOCATIONS.contains(&location))
    })
}

/// Whether a transform applies to this layer.
fn targeted(layer: &LayerSource, args: &Value) -> Result<bool> {
    let listed = |list| {
        let wrong = |text| layer.wrong("a target of transform_config", "a plain pattern", text);
        targets::listed(layer, list).map_err(wrong)
    };
    Ok(listed(&args["targets"])? && !listed(&args["ignore"])?)
}

/// Transforms the outputs `y` of a layer, bias included, by `y · diag(s) · H`, or by the inverse, `y · H · diag(s)`.
fn outputs(linear: Linear, rotation: Rotation, inverse: bool) -> Result<Linear> {
    let mut linear = linear;
    if let Some(bias) = linear.bias() {
        let mut bias = bias.to_vec();
        if inverse {
            rotation.unrotate(&mut bias)
        } else {
            rotation.rotate(&mut bias)
        }
        linear = linear.with_bias(bias)?;
    }
    let Rotation { block, signs } = rotation;
    if inverse || signs.is_empty() {
        linear.with_output_rotation(Rotation { block, signs })
    } else {
        // A `Linear` applies signs after its rotation, so signs before it become output scales.
        let linear = linear.with_output_scales(signs)?;
        let signs = Vec::new();
        linear.with_output_rotation(Rotation { block, signs })
    }
}

/// The matrix of one transform of a layer.
struct Transform<'m> {
    layer: &'m LayerSource<'m>,
    name: &'m str,
    scheme: &'m Value,
}

impl Transform<'_> {
    /// The matrix, or its transpose, as a rotation of `count_of` inputs or outputs.
    fn rotation(&self, location: &str, transposed: bool, count_of: usize) -> Result<Rotation> {
        let block = match count(self.scheme, "head_dim")? {
            None | Some(0) => count_of,
            Some(head) => head,
        };
        if self.scheme["randomize"] == true {
            let got = "one that is permuted (randomize)";
            return Err(self.wrong("a Hadamard matrix in order", got));
        }
        let kind = self.scheme["type"].as_str().unwrap_or_default();
        if !["hadamard", "random-hadamard"].contains(&kind) {
            return Err(self.wrong("hadamard or random-hadamard", kind));
        }
        let signs = match self.stored(location, block)? {
            Some(matrix) => signs(&matrix, block, transposed)?.ok_or_else(|| {
                let expected = "signs and a Hadamard matrix in Sylvester's order";
                self.wrong(expected, "another matrix")
            })?,
            None if kind == "hadamard" => Vec::new(),
            None => return Err(self.wrong("a stored matrix", "none")),
        };
        // Each block is rotated by the same matrix.
        let signs = signs.repeat(count_of / block.max(1));
        Ok(Rotation { block, signs })
    }

    /// The stored matrix: that of the layer, or of another layer that shares it.
    fn stored(&self, location: &str, block: usize) -> Result<Option<LoadedTensor<'_>>> {
        let suffix = format!(".{}_{location}.weight", self.name);
        let own = format!("{}{suffix}", self.layer.name);
        let tensors = &self.layer.tensors;
        let fits = |t: &&TensorInfo| t.shape() == [block, block];
        let mut shared = tensors.infos().iter().filter(|t| t.name().ends_with(&suffix));
        match tensors.info(&own).filter(fits).or_else(|| shared.find(fits)) {
            Some(info) => tensors.find(info.name()),
            None => Ok(None),
        }
    }

    fn wrong(&self, expected: &str, got: &str) -> Error {
        let what = format!("transform_config's {:?}", self.name);
        self.layer.wrong(&what, expected, got)
    }
}

/// The signs `s` if the matrix is `diag(s) · H`; empty if all are 1.
fn signs(matrix: &LoadedTensor, block: usize, transposed: bool) -> Result<Option<Vec<f32>>> {
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
    let at = |i: usize, j: usize| {
        if transposed {
            values[j * block + i]
        } else {
            values[i * block + j]
        }
    };
    let signs: Vec<f32> = (0..block).map(|i| at(i, 0)).collect();
    let hadamard = |i: usize, j: usize| match (i & j).count_ones() % 2 {
        0 => signs[i],
        _ => -signs[i],
    };
    let found =
        signs.iter().all(|s| s.abs() == 1.0) && (0..block).all(|i| (0..block).all(|j| at(i, j) == hadamard(i, j)));
    if !found {
        return Ok(None);
    }
    if signs.iter().all(|&s| s == 1.0) {
        return Ok(Some(Vec::new()));
    }
    Ok(Some(signs))
}

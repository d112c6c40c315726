//! The types that a preset gives to the tensors of a model.

use super::model::ModelShape;
use super::names;
use super::presets::Preset;
use super::role::Role;
use super::rule::State;
use crate::files::gguf::cursor::Location;
use crate::files::gguf::types::TensorType;
use crate::{Error, Result};

impl Preset {
    /// The type of each tensor, or `None` for a tensor that is not quantized: norms, biases, positions and other small
    /// ones. A tensor is given by its name in llama.cpp and its shape in ggml's order, the row length k first. All
    /// tensors of the model are required, since the rule counts layers.
    ///
    /// # Errors
    /// [`Error::NeedsImportance`] if a type requires importance weights and the model has none; [`Error::File`] for a
    /// row that holds whole blocks neither of its type nor of its fallback, and for an expert layer outside the model.
    pub fn types(self, model: &ModelShape, tensors: &[(&str, &[u64])]) -> Result<Vec<Option<TensorType>>> {
        self.types_except(model, tensors, |_| None)
    }

    /// Like [`types`](Preset::types), with the caller's type for the tensors that `overruled` names. It does not apply
    /// to tensors that are not quantized, and overruled tensors are not counted.
    ///
    /// # Errors
    /// The errors of `types`.
    pub fn types_except(
        self,
        model: &ModelShape,
        tensors: &[(&str, &[u64])],
        overruled: impl Fn(&str) -> Option<TensorType>,
    ) -> Result<Vec<Option<TensorType>>> {
        let roles: Vec<Role> = tensors.iter().map(|(name, _)| Role::of(name)).collect();
        let mut state = State::new(self, model, &roles);
        let mut types = vec![None; tensors.len()];
        for at in names::counting_order(tensors) {
            let (name, dims) = tensors[at];
            if !names::is_quantized(name, dims) {
                continue;
            }
            let k = dims[0];
            let kind = match overruled(name) {
                Some(kind) => fallback(kind, name, k)?,
                None if !self.default.is_packed() => self.default,
                None => fallback(state.choose(roles[at], name, dims)?, name, k)?,
            };
            if !model.importance && self.needs_importance(name, kind) {
                return Err(Error::NeedsImportance {
                    tensor: name.to_owned(),
                    kind: kind.name,
                });
            }
            types[at] = Some(kind);
        }
        Ok(types)
    }

    /// Whether the tensor with this name requires importance weights to become `kind`.
    pub fn needs_importance(self, name: &str, kind: TensorType) -> bool {
        use TensorType as T;
        if matches!(Role::of(name), Role::TokenEmbedding | Role::Head) {
            return false;
        }
        match kind {
            T::IQ1_S | T::IQ1_M | T::IQ2_XXS | T::IQ2_XS | T::IQ2_S | T::IQ3_XXS => true,
            T::Q2_K => self == Preset::Q2_K_S,
            _ => false,
        }
    }
}

/// The type itself if rows hold whole blocks of it, otherwise one with smaller blocks.
fn fallback(kind: TensorType, name: &str, k: u64) -> Result<TensorType> {
    use TensorType as T;
    if k.is_multiple_of(kind.block) {
        return Ok(kind);
    }
    let smaller = match kind {
        T::IQ1_S | T::IQ1_M | T::IQ2_XXS | T::IQ2_XS | T::IQ2_S => T::IQ4_NL,
        T::IQ3_XXS | T::IQ3_S | T::IQ4_XS => T::IQ4_NL,
        T::Q2_0 | T::Q2_K | T::Q3_K | T::TQ1_0 | T::TQ2_0 => T::Q4_0,
        T::Q4_K => T::Q5_0,
        T::Q5_K => T::Q5_1,
        T::Q6_K => T::Q8_0,
        // No type has smaller blocks.
        T::Q4_0 | T::Q4_1 | T::Q5_0 | T::Q5_1 | T::Q8_0 | T::IQ4_NL | T::MXFP4 => kind,
        _ => {
            let what = format!("the row length for {}, which has no fallback,", kind.name);
            let expected = format!("a multiple of {}", kind.block);
            return Err(Location::Tensor(name).error(what, expected, k));
        }
    };
    Ok(if k.is_multiple_of(smaller.block) {
        smaller
    } else {
        T::F16
    })
}

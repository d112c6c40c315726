//! Factors beside weights: `X.scale` of `X.weight`.
//!
//! llama.cpp multiplies what `X.weight` makes of inputs by `X.scale`, of whatever type the weights are: one
//! number, or one for each expert of a stack. Files of NVFP4 have them, since its own scales span few
//! powers of two; those of BitNet and of Gemma's experts too. `X.input_scale`, beside it, says by what
//! some devices round inputs: without that rounding it changes nothing.

use super::floats::undecoded;
use super::{TensorEntry, TensorInfo, TensorType};
use crate::linear::{finite, part};
use crate::{Error, Result};

/// The bytes of such a tensor.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Scale<'a> {
    pub type_id: u32,
    pub data: &'a [u8],
}

impl<'a> Scale<'a> {
    pub fn of(tensor: &TensorInfo<'a>) -> Scale<'a> {
        let (type_id, data) = (tensor.type_id(), tensor.data);
        Scale { type_id, data }
    }
}

/// The name of the factors of the weights of this name.
pub(super) fn scale_name(weights: &str) -> Option<String> {
    Some(format!("{}.scale", weights.strip_suffix(".weight")?))
}

impl TensorEntry<'_> {
    /// The factors: one, or one for each matrix.
    pub(super) fn factors(&self, scale: &Scale) -> Result<Vec<f32>> {
        let name = scale_name(self.name()).unwrap_or_default();
        let kind = TensorType::from_id(scale.type_id);
        let numbers = kind.and_then(|kind| kind.to_f32(scale.data));
        let numbers = numbers.ok_or_else(|| undecoded(&name, scale.type_id))?;
        let (count, matrices) = (numbers.len() as u64, self.matrices());
        if count != 1 && count != matrices {
            let expected = match matrices {
                1 => "1".to_owned(),
                _ => format!("1, or {matrices} for as many matrices"),
            };
            return Err(part(name, "its length", expected, count));
        }
        finite(&name, &numbers)?;
        Ok(numbers)
    }

    /// The factors of the weights themselves. There are tensors of that name with other numbers, by
    /// which the inputs of a router are multiplied (Gemma); not beside NVFP4.
    fn own_factors(&self, scale: Option<&Scale>) -> Result<Option<Vec<f32>>> {
        match scale.map(|scale| self.factors(scale)).transpose() {
            Err(_) if self.type_id() != TensorType::NVFP4.id => Ok(None),
            factors => factors,
        }
    }

    /// That nothing is lost where the packed weights are taken alone.
    pub(super) fn check_unscaled(&self, scale: Option<&Scale>) -> Result<()> {
        let factors = self.own_factors(scale)?.unwrap_or_default();
        match factors.iter().find(|&&factor| factor != 1.0) {
            None => Ok(()),
            Some(&factor) => Err(Error::Scaled {
                tensor: self.name().to_owned(),
                by: scale_name(self.name()).unwrap_or_default(),
                factor,
            }),
        }
    }

    /// The numbers in `data`, weights multiplied by their factors.
    pub(super) fn scaled_floats(&self, data: &[u8], scale: Option<&Scale>) -> Result<Vec<f32>> {
        let factors = self.own_factors(scale)?.unwrap_or_default();
        let mut numbers = self.floats(data)?;
        if !factors.is_empty() && !numbers.is_empty() {
            let each = numbers.len() / factors.len();
            for (numbers, factor) in numbers.chunks_mut(each).zip(factors) {
                numbers.iter_mut().for_each(|number| *number *= factor);
            }
        }
        Ok(numbers)
    }
}

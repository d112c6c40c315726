//! Factors of weights: the tensor `X.scale` of `X.weight`.
//!
//! llama.cpp multiplies the product with `X.weight` by `X.scale`, whatever the type of the weights: one number, or one
//! for each expert of a stack. NVFP4 files have factors because the format's own scales span few powers of two; files
//! of BitNet and of Gemma's experts have them too. `X.input_scale` gives the scale by which some devices round inputs
//! and has no effect without that rounding.

use super::entry::TensorEntry;
use super::types::TensorType;
use super::unpack::undecoded;
use crate::linear::{finite, part};
use crate::{Error, Result};

/// The stored bytes of a tensor of factors.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Factors<'a> {
    pub type_id: u32,
    pub data: &'a [u8],
}

/// The name of the factors of these weights.
pub(super) fn scale_name(weights: &str) -> Option<String> {
    Some(format!("{}.scale", weights.strip_suffix(".weight")?))
}

impl TensorEntry<'_> {
    /// The factors: one, or one for each matrix.
    pub(super) fn factors(&self, scale: &Factors) -> Result<Vec<f32>> {
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

    /// The factors of the weights themselves. Gemma stores factors of a router's inputs under the same name, but not
    /// for NVFP4 weights.
    fn own_factors(&self, scale: Option<&Factors>) -> Result<Option<Vec<f32>>> {
        match scale.map(|scale| self.factors(scale)).transpose() {
            Err(_) if self.type_id() != TensorType::NVFP4.id => Ok(None),
            factors => factors,
        }
    }

    /// Checks that the packed weights alone are the weights: no factor differs from 1.
    pub(super) fn check_unscaled(&self, scale: Option<&Factors>) -> Result<()> {
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

    /// The numbers in `data`, multiplied by their factors.
    pub(super) fn scaled_floats(&self, data: &[u8], scale: Option<&Factors>) -> Result<Vec<f32>> {
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

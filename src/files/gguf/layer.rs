//! Layers: packed weights with their factors and bias, which are tensors of their own.

use super::entry::TensorEntry;
use super::factors::Factors;
use super::types::TensorType;
use super::unpack::undecoded;
use crate::{Error, Linear, Matrix, OutputScale, Result};

/// The name of the bias of these weights.
pub(super) fn bias_name(weights: &str) -> Option<String> {
    Some(format!("{}.bias", weights.strip_suffix(".weight")?))
}

impl TensorEntry<'_> {
    /// The layer of these weights, which `matrix` holds.
    pub(super) fn layer(
        &self,
        matrix: Matrix<'static>,
        scale: Option<&Factors>,
        bias: Option<(&TensorEntry, &[u8])>,
    ) -> Result<Linear> {
        let mut linear = Linear::new(matrix);
        if let Some(scale) = scale {
            linear = match self.factors(scale)?[..] {
                [factor] => linear.with_scale(OutputScale::Multiply(factor))?,
                ref factors => {
                    let rows = linear.n() / factors.len();
                    let of_rows = factors.iter().flat_map(|&f| std::iter::repeat_n(f, rows));
                    linear.with_output_scales(of_rows.collect())?
                }
            };
        }
        let Some((bias, data)) = bias else {
            return Ok(linear);
        };
        let kind = TensorType::from_id(bias.type_id());
        let numbers = kind.and_then(|kind| kind.to_f32(data));
        let numbers = numbers.ok_or_else(|| undecoded(bias.name(), bias.type_id()))?;
        linear.with_bias(numbers).map_err(|e| Error::InTensor {
            name: bias.name().to_owned(),
            source: Box::new(e),
        })
    }
}

//! Layers that are not quantized.

use super::super::tensor::LoadedTensor;
use crate::layouts::FloatsLayout;
use crate::{Linear, Result};

/// A layer of float weights, without a bias.
pub fn floats(weight: &LoadedTensor) -> Result<Linear> {
    let [n, k] = weight.dims()?;
    let weight = weight.scales()?;
    FloatsLayout { n, k, weight }.linear()
}

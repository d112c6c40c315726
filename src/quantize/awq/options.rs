//! The options of AWQ.

use super::clip::Clip;
use crate::setters::setters;

/// What is searched, and how finely.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Awq {
    /// Values of r: 0, 1/grid .. 1 - 1/grid. 20 in the paper and the tool.
    pub grid: usize,
    /// Whether weights have a say in s; without it `s = x̄^r`, as in the paper's first version.
    pub duo_scaling: bool,
    /// How ranges are cut; none where they are not.
    pub clip: Option<Clip>,
    /// Whether the quantizer is told the mean squared inputs, as
    /// [`quantize_weighted`](crate::Matrix::quantize_weighted) takes them. Not so in the tool, whose only
    /// quantizer is round to nearest.
    pub weighted: bool,
}

setters!(Awq {
    with_grid: grid: usize,
    with_duo_scaling: duo_scaling: bool,
    with_clip: clip: Option<Clip>,
    with_weighted: weighted: bool,
});

impl Default for Awq {
    fn default() -> Self {
        Awq {
            grid: 20,
            duo_scaling: true,
            clip: Some(Clip::default()),
            weighted: false,
        }
    }
}

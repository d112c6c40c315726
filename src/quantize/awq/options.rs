//! The options of AWQ.

use super::clip::Clip;
use crate::setters::setters;

/// The options of AWQ.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Awq {
    /// The number of values of r: 0, 1/grid .. 1 - 1/grid. 20 in the paper and the tool.
    pub grid: usize,
    /// Whether s depends on the weights; without it `s = x̄^r`, as in the first version of the paper.
    pub duo_scaling: bool,
    /// The search for clipped ranges; `None` disables clipping.
    pub clip: Option<Clip>,
    /// Whether the quantizer receives the mean squared inputs as importance, as
    /// [`quantize_weighted`](crate::Matrix::quantize_weighted) takes it. The tool does not, since its only
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

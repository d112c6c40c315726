//! How vectors of one type are packed, on the processor and on the device.

use crate::Result;

/// A type whose vectors are packed one by one, after the rotation.
///
/// A packed vector is a vector of `width` levels L(x), and a query q is prepared to P(q), such that the score is
/// ⟨P(q), L(x)⟩; a weighted sum Σ p L(x) is finished once.
pub(super) trait RowPacking: Send + Sync {
    /// Words of a packed vector.
    fn words(&self) -> usize;

    /// Numbers of a prepared query and of levels.
    fn width(&self) -> usize;

    /// Packs `x` into words that are zero.
    fn encode(&self, x: &[f32], words: &mut [u32]) -> Result<()>;

    /// L(x).
    fn levels(&self, words: &[u32], levels: &mut [f32]);

    /// P(q); `prepared` is `width` long.
    fn prepare(&self, q: &[f32], prepared: &mut [f32]) {
        prepared.copy_from_slice(q);
    }

    /// What a sum of levels is, as d numbers; `sum` is `width` long, and its first d become it.
    fn finish(&self, _sum: &mut [f64]) {}

    /// What the device needs to know.
    fn shader(&self) -> KvShader;
}

/// How a type lies on the device: the files that say so, and their constants and tables.
#[derive(Clone, Debug)]
pub(crate) struct KvShader {
    /// `levels`, and what it needs: path under `shaders/` and text.
    pub levels: &'static [(&'static str, &'static str)],
    /// `encode`, and what it needs besides.
    pub encode: &'static [(&'static str, &'static str)],
    /// Constants.
    pub consts: Vec<(&'static str, u32)>,
    /// Codewords, ascending, each with the boundary above it.
    pub codebook: Vec<[f32; 2]>,
    /// Q_prod's projection, row by row; none elsewhere.
    pub projection: Vec<f32>,
}

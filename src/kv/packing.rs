//! How vectors of one type are packed, on the processor and on the device.

use crate::Result;

/// A type that packs vectors one by one, after the rotation.
///
/// A packed vector x decodes to `width` levels L(x), and a query q is prepared as P(q), such that the score is ⟨P(q),
/// L(x)⟩; a weighted sum Σ p L(x) is finished once.
pub(super) trait RowPacking: Send + Sync {
    /// Words of a packed vector.
    fn words(&self) -> usize;

    /// The length of a prepared query and of levels.
    fn width(&self) -> usize;

    /// Packs `x` into words of zeros.
    fn encode(&self, x: &[f32], words: &mut [u32]) -> Result<()>;

    /// L(x).
    fn levels(&self, words: &[u32], levels: &mut [f32]);

    /// P(q); `prepared` is `width` long.
    fn prepare(&self, q: &[f32], prepared: &mut [f32]) {
        prepared.copy_from_slice(q);
    }

    /// Turns a sum of levels, `width` long, into d numbers in its first d places.
    fn finish(&self, _sum: &mut [f64]) {}

    /// The files and tables for the device.
    fn shader(&self) -> KvShader;
}

/// A type on the device: its WGSL files, constants and tables.
#[derive(Clone, Debug)]
pub(crate) struct KvShader {
    /// The files of `levels`: path under `shaders/` and text.
    pub levels: &'static [(&'static str, &'static str)],
    /// The additional files of `encode`.
    pub encode: &'static [(&'static str, &'static str)],
    /// Constants.
    pub consts: Vec<(&'static str, u32)>,
    /// Codewords, ascending, each with its upper boundary.
    pub codebook: Vec<[f32; 2]>,
    /// Q_prod's projection, row by row; empty for other types.
    pub projection: Vec<f32>,
}

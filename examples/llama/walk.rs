//! The forward pass: all positions of all texts at once, block by block.

use super::attention::{Rope, attend};
use super::{Llama, Place, Shape, Shared};
use crate::model::Fallible;
use lowbit::Linear;
use rayon::prelude::*;
use std::ops::Range;

/// Called at each place of each block, before its linears are used, with the number of the block, the linears, which it
/// may replace (the pass goes on with the new ones), and their inputs, a row for each position of each text.
pub type Visit<'a> = dyn FnMut(usize, Place, &mut Shared, &[f32]) -> Fallible<()> + 'a;

/// Rows of x multiplied at a time: few enough to stay in a core's cache.
const ROWS: usize = 256;

impl Llama {
    /// The residual stream after the last norm: a row of `width` for each position of each text, in order.
    pub fn walk(&mut self, texts: &[&[u32]], visit: &mut Visit) -> Fallible<Vec<f32>> {
        let shape = self.shape.clone();
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        if longest > shape.context {
            return Err(format!("texts should be up to {} tokens, got {longest}", shape.context).into());
        }
        let rope = Rope::new(&shape, longest);
        let spans = spans(texts);
        let mut stream = self.embed(texts)?;
        for (i, layer) in self.layers.iter_mut().enumerate() {
            let mut at = |place: Place, x: &[f32]| {
                let shared = &mut layer.shared[place as usize];
                visit(i, place, shared, x)?;
                let products = shared.linears.iter().map(|named| multiply(&named.linear, x));
                products.collect::<Fallible<Vec<_>>>()
            };
            let x = normed(&stream, &layer.norms[0], &shape);
            let qkv = at(Place::Attention, &x)?;
            let x = attend(&shape, &rope, &spans, [&qkv[0], &qkv[1], &qkv[2]]);
            add(&mut stream, &at(Place::AttentionOutput, &x)?[0]);
            let x = normed(&stream, &layer.norms[1], &shape);
            let mut products = at(Place::FeedForward, &x)?.into_iter();
            let mut gated = products.next().unwrap_or_default();
            for (gate, up) in gated.iter_mut().zip(products.next().unwrap_or_default()) {
                *gate = *gate / (1.0 + (-*gate).exp()) * up;
            }
            add(&mut stream, &at(Place::Down, &gated)?[0]);
        }
        Ok(normed(&stream, &self.output_norm, &shape))
    }

    /// Logits of `rows`, which `walk` returned.
    pub(super) fn logits(&self, rows: &[f32]) -> Fallible<Vec<f32>> {
        multiply(&self.head, rows)
    }

    fn embed(&self, texts: &[&[u32]]) -> Fallible<Vec<f32>> {
        let mut rows = Vec::new();
        for &token in texts.iter().copied().flatten() {
            let start = token as usize * self.shape.width;
            let row = self.embedding.get(start..start + self.shape.width);
            let count = self.embedding.len() / self.shape.width;
            rows.extend(row.ok_or_else(|| format!("tokens should be under {count}, got {token}"))?);
        }
        Ok(rows)
    }
}

/// The rows of each text.
fn spans(texts: &[&[u32]]) -> Vec<Range<usize>> {
    let mut end = 0;
    let mut span = |text: &&[u32]| {
        let start = end;
        end += text.len();
        start..end
    };
    texts.iter().map(&mut span).collect()
}

/// y = W x for all rows.
fn multiply(linear: &Linear, x: &[f32]) -> Fallible<Vec<f32>> {
    let (n, k) = (linear.n(), linear.k());
    let mut y = vec![0f32; x.len() / k * n];
    let parts = y.par_chunks_mut(ROWS * n).zip(x.par_chunks(ROWS * k));
    parts.try_for_each(|(y, x)| linear.matmul(x).map(|product| y.copy_from_slice(&product)))?;
    Ok(y)
}

/// RMSNorm (Zhang and Sennrich 2019): x / √(mean x² + ε) · gain.
fn normed(stream: &[f32], gain: &[f32], shape: &Shape) -> Vec<f32> {
    let mut out = Vec::with_capacity(stream.len());
    for row in stream.chunks(shape.width) {
        let squares: f64 = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let mean = squares / shape.width as f64;
        let factor = 1.0 / (mean + f64::from(shape.epsilon)).sqrt();
        out.extend(row.iter().zip(gain).map(|(x, gain)| x * factor as f32 * gain));
    }
    out
}

fn add(stream: &mut [f32], more: &[f32]) {
    stream.iter_mut().zip(more).for_each(|(x, more)| *x += more);
}

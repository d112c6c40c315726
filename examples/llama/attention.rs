//! Causal attention within each text, with rotary positions of queries and keys (RoPE, Su et al. 2021).

use super::Shape;
use rayon::prelude::*;
use std::ops::Range;

/// Cosines and sines of every position, by pair of neighbours.
pub struct Rope {
    /// A row of `head / 2` pairs for each position.
    turns: Vec<(f32, f32)>,
}

impl Rope {
    pub fn new(shape: &Shape, positions: usize) -> Rope {
        let pairs = shape.head / 2;
        let base = f64::from(shape.rope_base);
        let turns = (0..positions * pairs).map(|i| {
            let (position, pair) = ((i / pairs) as f64, (i % pairs) as f64);
            let (sin, cos) = (position * base.powf(-pair / pairs as f64)).sin_cos();
            (cos as f32, sin as f32)
        });
        Rope { turns: turns.collect() }
    }

    /// Rotates one head: neighbours 2i and 2i + 1 are a pair, as in GGUF files of `llama`.
    fn turn(&self, position: usize, head: &[f32]) -> Vec<f32> {
        let pairs = head.len() / 2;
        let turns = &self.turns[position * pairs..][..pairs];
        let pairs = head.as_chunks().0.iter().zip(turns);
        let turned = pairs.flat_map(|([a, b], (cos, sin))| [a * cos - b * sin, a * sin + b * cos]);
        turned.collect()
    }
}

/// Softmax(q kᵀ / √head) v for each head: one row of `width` for each position; `[q, k, v]` have one each too.
pub fn attend(shape: &Shape, rope: &Rope, spans: &[Range<usize>], [q, k, v]: [&[f32]; 3]) -> Vec<f32> {
    let mut out = vec![0f32; q.len()];
    let mut texts = Vec::new();
    let mut rest = &mut out[..];
    for span in spans {
        let (rows, after) = rest.split_at_mut(span.len() * shape.width);
        texts.push((span.clone(), rows));
        rest = after;
    }
    let texts = texts.into_par_iter();
    texts.for_each(|(span, rows)| attend_text(shape, rope, span, [q, k, v], rows));
    out
}

fn attend_text(shape: &Shape, rope: &Rope, span: Range<usize>, [q, k, v]: [&[f32]; 3], out: &mut [f32]) {
    let len = shape.head;
    let kv_width = shape.kv_heads * len;
    let mut weights = Vec::new();
    for kv in 0..shape.kv_heads {
        let rows = || span.clone().map(|row| &k[row * kv_width + kv * len..][..len]);
        let keys: Vec<f32> = rows().enumerate().flat_map(|(at, key)| rope.turn(at, key)).collect();
        let group = shape.heads / shape.kv_heads;
        for head in kv * group..(kv + 1) * group {
            for at in 0..span.len() {
                let query = &q[(span.start + at) * shape.width + head * len..][..len];
                let query = rope.turn(at, query);
                weights.clear();
                let scale = 1.0 / (len as f32).sqrt();
                weights.extend(keys.chunks(len).take(at + 1).map(|key| scale * dot(&query, key)));
                softmax(&mut weights);
                let out = &mut out[at * shape.width + head * len..][..len];
                for (row, weight) in span.clone().zip(&weights) {
                    let value = &v[row * kv_width + kv * len..][..len];
                    out.iter_mut().zip(value).for_each(|(out, v)| *out += weight * v);
                }
            }
        }
    }
}

/// Eight sums, so that the compiler can vectorize.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0f32; 8];
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| a * b);
    sums.iter().sum::<f32>() + rest.sum::<f32>()
}

fn softmax(x: &mut [f32]) {
    let most = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    x.iter_mut().for_each(|x| *x = (*x - most).exp());
    let sum: f32 = x.iter().sum();
    x.iter_mut().for_each(|x| *x /= sum);
}

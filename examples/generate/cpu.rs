//! The model on the processor.

use crate::model::Fallible;
use crate::sample::Candidate;
use crate::weights::{Layer, Linear, Model};
use crate::{Run, Settings, not_finite};
use lowbit::kv::{Attention, Rope};
use lowbit::layer::{Norm, top_k};
use lowbit::{Matrix, Precision};

/// Tokens that go through a layer at once.
const ROWS: usize = 128;

pub struct Cpu<'a> {
    model: &'a Model<'a>,
    settings: Settings,
    caches: Vec<Attention>,
    rope: Rope,
    /// The norms of queries and keys of each layer.
    head_norms: Vec<Option<[Norm; 2]>>,
    logits: Vec<f32>,
    position: usize,
}

impl<'a> Cpu<'a> {
    pub fn new(model: &'a Model<'a>, settings: Settings) -> Fallible<Cpu<'a>> {
        let shape = &model.shape;
        let cache = Attention::new(settings.attention(shape))?;
        let norms = |layer: &Layer| {
            let norms = layer.head_norms.clone();
            norms.map(|[q, k]| Fallible::Ok([Norm::rms(q, shape.eps)?, Norm::rms(k, shape.eps)?]))
        };
        let head_norms = model.layers.iter().map(|layer| norms(layer).transpose());
        Ok(Cpu {
            settings,
            caches: vec![cache; shape.layers],
            rope: model.rope(settings.context)?,
            head_norms: head_norms.collect::<Fallible<_>>()?,
            logits: Vec::new(),
            position: 0,
            model,
        })
    }

    /// The residual stream after all layers, of tokens that follow those before.
    fn stream(&mut self, tokens: &[u32]) -> Fallible<Vec<f32>> {
        let places: Vec<u32> = (self.position..).take(tokens.len()).map(|p| p as u32).collect();
        let mut x = Vec::new();
        for token in tokens {
            x.extend(row(&self.model.embedding, *token as usize)?);
        }
        for i in 0..self.model.layers.len() {
            self.layer(i, &mut x, &places).map_err(|e| format!("layer {i}: {e}"))?;
            if self.settings.check && x.iter().any(|x| !x.is_finite()) {
                return Err(not_finite(i, self.position).into());
            }
        }
        self.position += tokens.len();
        Ok(x)
    }

    fn layer(&mut self, i: usize, x: &mut [f32], places: &[u32]) -> Fallible<()> {
        let (layer, precision) = (&self.model.layers[i], self.settings.precision);
        let normed = layer.attention_norm.apply(x)?;
        let [mut q, mut k, v] = [
            layer.q.apply(&normed, precision)?,
            layer.k.apply(&normed, precision)?,
            layer.v.apply(&normed, precision)?,
        ];
        if let Some([q_norm, k_norm]) = &self.head_norms[i] {
            (q, k) = (q_norm.apply(&q)?, k_norm.apply(&k)?);
        }
        let positions: Vec<usize> = places.iter().map(|place| *place as usize).collect();
        self.rope.apply(&mut q, self.model.shape.key, &positions)?;
        self.rope.apply(&mut k, self.model.shape.key, &positions)?;
        self.caches[i].append(&k, &v, places)?;
        let attended = self.caches[i].attend(&q, places)?;
        add(x, &layer.output.apply(&attended, precision)?);

        let normed = layer.hidden_norm.apply(x)?;
        let mut hidden = layer.up.apply(&normed, precision)?;
        let gate = layer.gate.apply(&normed, precision)?;
        hidden
            .iter_mut()
            .zip(gate)
            .for_each(|(h, g)| *h *= g / (1.0 + (-g).exp()));
        add(x, &layer.down.apply(&hidden, precision)?);
        Ok(())
    }
}

impl Run for Cpu<'_> {
    fn step(&mut self, tokens: &[u32]) -> Fallible<Vec<Candidate>> {
        // From within rayon's pool: from outside, each product would put this thread to sleep and wake another.
        let taken = rayon::scope(|_| self.take(tokens).map_err(|e| e.to_string()));
        Ok(taken?)
    }

    fn logits(&self) -> Fallible<Vec<f32>> {
        Ok(self.logits.clone())
    }

    fn memory(&self) -> String {
        "weights stay in the file's mapping".into()
    }
}

impl Cpu<'_> {
    /// As `step`.
    fn take(&mut self, tokens: &[u32]) -> Fallible<Vec<Candidate>> {
        let mut x = Vec::new();
        for tokens in tokens.chunks(ROWS) {
            x = self.stream(tokens)?;
        }
        let last = &x[x.len().saturating_sub(self.model.shape.width)..];
        let head = self.model.head.as_ref().unwrap_or(&self.model.embedding);
        self.logits = head.matmul_with(&self.model.norm.apply(last)?, self.settings.precision)?;
        let count = self.settings.candidates.min(head.n());
        let (values, ids) = top_k(&self.logits, head.n(), count)?;
        Ok(ids.into_iter().zip(values).collect())
    }
}

impl Linear<'_> {
    /// Rows of x by the weights, plus the bias.
    fn apply(&self, x: &[f32], precision: Precision) -> Fallible<Vec<f32>> {
        let mut y = self.matrix.matmul_with(x, precision)?;
        if let Some(bias) = &self.bias {
            y.chunks_exact_mut(bias.len()).for_each(|row| add(row, bias));
        }
        Ok(y)
    }
}

/// A row of a packed matrix as floats.
fn row(matrix: &Matrix, i: usize) -> Fallible<Vec<f32>> {
    let size = matrix.bytes().len() / matrix.n();
    let bytes = matrix.bytes().get(i * size..(i + 1) * size);
    let bytes = bytes.ok_or_else(|| format!("a token should be under {}, got {i}", matrix.n()))?;
    Ok(Matrix::from_bytes(matrix.format(), 1, matrix.k(), bytes)?.dequantize())
}

fn add(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

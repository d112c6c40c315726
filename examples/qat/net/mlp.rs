//! Two layers with a ReLU between them. The weights that products use are parameters, because a quantizer may stand
//! between them and the learned weights.

use super::data::CLASSES;
use super::product::{product, transposed};
use lowbit::random::SplitMix64;

/// A linear layer: n outputs of k inputs.
#[derive(Clone)]
pub struct Layer {
    pub n: usize,
    pub k: usize,
    /// n rows of k floats.
    pub w: Vec<f32>,
    /// n floats.
    pub bias: Vec<f32>,
}

impl Layer {
    /// He et al. 2015, arXiv 1502.01852: normal, of variance 2 / k.
    fn new(n: usize, k: usize, random: &mut SplitMix64) -> Layer {
        let deviation = (2.0 / k as f64).sqrt();
        let w = (0..n * k).map(|_| (deviation * random.normal()) as f32);
        let (w, bias) = (w.collect(), vec![0.0; n]);
        Layer { n, k, w, bias }
    }

    /// x·Wᵀ + bias, for rows of x, with `w` in place of the layer's weights.
    fn apply(&self, w: &[f32], x: &[f32]) -> Vec<f32> {
        let mut y = product(x, &transposed(w, self.k), self.k, self.n);
        add_bias(&mut y, &self.bias);
        y
    }

    /// The gradients of weights and bias, where `dy` is that of the outputs for `x`.
    fn gradients(&self, x: &[f32], dy: &[f32]) -> LayerGradients {
        let m = x.len() / self.k;
        let w = product(&transposed(dy, self.n), x, m, self.k);
        let mut bias = vec![0f32; self.n];
        for dy in dy.chunks_exact(self.n) {
            bias.iter_mut().zip(dy).for_each(|(sum, dy)| *sum += dy);
        }
        LayerGradients { w, bias }
    }
}

pub fn add_bias(y: &mut [f32], bias: &[f32]) {
    for y in y.chunks_exact_mut(bias.len()) {
        y.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
    }
}

pub fn relu(x: &mut [f32]) {
    x.iter_mut().for_each(|x| *x = x.max(0.0));
}

/// The gradients of a layer. The gradient of the weights is that of the weights passed in.
pub struct LayerGradients {
    pub w: Vec<f32>,
    pub bias: Vec<f32>,
}

#[derive(Clone)]
pub struct Mlp {
    pub layers: [Layer; 2],
}

/// The outputs of the layers.
pub struct Outputs {
    /// After the ReLU.
    pub hidden: Vec<f32>,
    pub logits: Vec<f32>,
}

impl Mlp {
    pub fn new(inputs: usize, hidden: usize, seed: u64) -> Mlp {
        let mut random = SplitMix64::new(seed);
        let first = Layer::new(hidden, inputs, &mut random);
        let second = Layer::new(CLASSES, hidden, &mut random);
        let layers = [first, second];
        Mlp { layers }
    }

    /// The layers' own weights, to pass in.
    pub fn weights(&self) -> [&[f32]; 2] {
        [&self.layers[0].w, &self.layers[1].w]
    }

    pub fn forward(&self, w: [&[f32]; 2], x: &[f32]) -> Outputs {
        let [first, second] = &self.layers;
        let mut hidden = first.apply(w[0], x);
        relu(&mut hidden);
        let logits = second.apply(w[1], &hidden);
        Outputs { hidden, logits }
    }

    /// The gradients, given those of the loss by logits and by hidden states (after the ReLU; may be empty).
    pub fn backward(
        &self,
        w: [&[f32]; 2],
        x: &[f32],
        outputs: &Outputs,
        to_logits: &[f32],
        to_hidden: &[f32],
    ) -> [LayerGradients; 2] {
        let [first, second] = &self.layers;
        let of_second = second.gradients(&outputs.hidden, to_logits);
        let mut dy = product(to_logits, w[1], second.n, second.k);
        dy.iter_mut().zip(to_hidden).for_each(|(dy, d)| *dy += d);
        for (dy, hidden) in dy.iter_mut().zip(&outputs.hidden) {
            if *hidden <= 0.0 {
                *dy = 0.0;
            }
        }
        [first.gradients(x, &dy), of_second]
    }
}

/// The share of rows whose largest logit is at the label.
pub fn accuracy(logits: &[f32], labels: &[u8]) -> f64 {
    let rows = logits.chunks_exact(CLASSES).zip(labels);
    let right = rows.filter(|(row, label)| {
        let best = (0..CLASSES).fold(0, |best, c| if row[c] > row[best] { c } else { best });
        best == usize::from(**label)
    });
    right.count() as f64 / labels.len().max(1) as f64
}

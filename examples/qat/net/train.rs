//! Stochastic gradient descent with momentum, the rate falling to 0 along half a cosine.

use super::data::{Set, CLASSES};
use super::mlp::{accuracy, Mlp};
use super::scheme::{Quantizer, Scheme};
use super::Fallible;
use lowbit::random::SplitMix64;
use lowbit::train::distill::{hidden_backward, Distill};

/// How long and how fast.
#[derive(Clone, Copy)]
pub struct Plan {
    pub epochs: usize,
    /// Images of one step.
    pub batch: usize,
    /// The learning rate at the start.
    pub rate: f32,
    pub momentum: f32,
    /// Of the order of images.
    pub seed: u64,
}

impl Plan {
    pub fn new(epochs: usize, seed: u64) -> Plan {
        let (batch, rate, momentum) = (64, 0.1, 0.9);
        Plan {
            epochs,
            batch,
            rate,
            momentum,
            seed,
        }
    }
}

/// A network that learns from another one too.
pub struct Teacher<'a> {
    pub net: &'a Mlp,
    pub loss: Distill,
    /// The factor of the mean squared difference of hidden states.
    pub hidden: f32,
}

/// Trains `net` with its weights seen by `scheme`, and returns what sees them in the end.
pub fn train(
    net: &mut Mlp,
    scheme: Scheme,
    data: &Set,
    teacher: Option<&Teacher>,
    plan: Plan,
    progress: &(dyn Fn(f32) + Sync),
) -> Fallible<[Quantizer; 2]> {
    let mut quantizers = quantizers(scheme, net)?;
    let mut speeds: Vec<Speed> = Vec::new();
    for (layer, quantizer) in net.layers.iter().zip(&mut quantizers) {
        let lengths = [layer.w.len(), layer.bias.len(), quantizer.steps().len()];
        speeds.push(lengths.map(|len| vec![0f32; len]));
    }
    let mut random = SplitMix64::new(plan.seed);
    let mut order: Vec<usize> = (0..data.len()).collect();
    let steps = data.len().div_ceil(plan.batch) * plan.epochs;
    let mut step = 0;
    for _ in 0..plan.epochs {
        random.shuffle(&mut order);
        for numbers in order.chunks(plan.batch) {
            let done = step as f32 / steps as f32;
            let rate = plan.rate * 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
            let (x, labels) = data.batch(numbers);
            let w = seen(&quantizers, net)?;
            let w = [&w[0][..], &w[1][..]];
            let outputs = net.forward(w, &x);
            let (to_logits, to_hidden) = match teacher {
                None => {
                    let labels_only = Distill { a: 0.0, t: 1.0 };
                    let logits = &outputs.logits;
                    (
                        labels_only.backward(logits, logits, &labels, CLASSES)?,
                        Vec::new(),
                    )
                }
                Some(teacher) => {
                    let says = teacher.net.forward(teacher.net.weights(), &x);
                    let mut to_hidden = hidden_backward(&outputs.hidden, &says.hidden)?;
                    to_hidden.iter_mut().for_each(|d| *d *= teacher.hidden);
                    let loss = teacher.loss;
                    (
                        loss.backward(&outputs.logits, &says.logits, &labels, CLASSES)?,
                        to_hidden,
                    )
                }
            };
            let gradients = net.backward(w, &x, &outputs, &to_logits, &to_hidden);
            let layers = net.layers.iter_mut().zip(&mut quantizers);
            for (((layer, quantizer), gradient), speed) in layers.zip(gradients).zip(&mut speeds) {
                let (to_w, to_steps) = quantizer.backward(&layer.w, &gradient.w)?;
                let moved = [
                    (&mut layer.w[..], &to_w),
                    (&mut layer.bias[..], &gradient.bias),
                    (quantizer.steps(), &to_steps),
                ];
                for ((values, gradient), speed) in moved.into_iter().zip(speed) {
                    descend(values, gradient, speed, rate, plan.momentum);
                }
                quantizer.keep_in_range();
            }
            step += 1;
            progress(step as f32 / steps as f32);
        }
    }
    Ok(quantizers)
}

/// The momentum of weights, bias and steps.
type Speed = [Vec<f32>; 3];

fn descend(values: &mut [f32], gradient: &[f32], speed: &mut [f32], rate: f32, momentum: f32) {
    for ((value, g), speed) in values.iter_mut().zip(gradient).zip(speed) {
        *speed = momentum * *speed + g;
        *value -= rate * *speed;
    }
}

/// A quantizer for each layer, with steps that fit the weights of now.
pub fn quantizers(scheme: Scheme, net: &Mlp) -> Fallible<[Quantizer; 2]> {
    let [first, second] = &net.layers;
    Ok([
        Quantizer::new(scheme, first)?,
        Quantizer::new(scheme, second)?,
    ])
}

/// The weights as products see them.
fn seen(quantizers: &[Quantizer; 2], net: &Mlp) -> Fallible<[Vec<f32>; 2]> {
    let [first, second] = &net.layers;
    Ok([
        quantizers[0].forward(&first.w)?,
        quantizers[1].forward(&second.w)?,
    ])
}

/// The accuracy in floats, with weights as `quantizers` have them.
pub fn accuracy_of(net: &Mlp, quantizers: &[Quantizer; 2], set: &Set) -> Fallible<f64> {
    let w = seen(quantizers, net)?;
    let outputs = net.forward([&w[0], &w[1]], &set.floats());
    Ok(accuracy(&outputs.logits, &set.labels))
}

//! Stochastic gradient descent with momentum; the rate falls to 0 along half a cosine.

use super::Fallible;
use super::data::{CLASSES, Set};
use super::mlp::{LayerGradients, Mlp, Outputs};
use super::scheme::{Quantizer, Scheme};
use lowbit::random::SplitMix64;
use lowbit::train::distill::{Distill, hidden_backward};
use lowbit::train::gradual::{Blend, blend, blend_backward};

/// The hyperparameters of a training.
#[derive(Clone, Copy)]
pub struct Plan {
    pub epochs: usize,
    /// Images of one step.
    pub batch: usize,
    /// The learning rate at the start.
    pub rate: f32,
    pub momentum: f32,
    /// How quantization ramps up; it starts in full without it.
    pub gradual: Option<Blend>,
    /// Seed of the order of images.
    pub seed: u64,
}

impl Plan {
    pub fn new(epochs: usize, seed: u64) -> Plan {
        Plan {
            epochs,
            batch: 128,
            rate: 0.1,
            momentum: 0.9,
            gradual: None,
            seed,
        }
    }

    /// Steps of the whole training on `images` images.
    pub fn steps(&self, images: usize) -> u64 {
        (images.div_ceil(self.batch) * self.epochs) as u64
    }
}

/// The network to distil from.
pub struct Teacher<'a> {
    pub net: &'a Mlp,
    pub loss: Distill,
    /// The weight of the mean squared difference of hidden states in the loss.
    pub hidden: f32,
}

/// Trains `net` with its weights quantized by `scheme`, and returns the final quantizers.
pub fn train(
    net: &mut Mlp,
    scheme: Scheme,
    data: &Set,
    teacher: Option<&Teacher>,
    plan: Plan,
    progress: &(dyn Fn(f32) + Sync),
) -> Fallible<[Quantizer; 2]> {
    // Run inside the thread pool: from outside, each of many small products would wait for a thread to wake up.
    rayon::scope(|_| train_here(net, scheme, data, teacher, plan, progress))
}

fn train_here(
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
    let (mut step, steps) = (0, plan.steps(data.len()));
    for _ in 0..plan.epochs {
        random.shuffle(&mut order);
        for numbers in order.chunks(plan.batch) {
            let (x, labels) = data.batch(numbers);
            let share = plan.gradual.map_or(1.0, |blend| blend.share(step));
            let w = seen(&quantizers, net, share)?;
            let w = [&w[0][..], &w[1][..]];
            let outputs = net.forward(w, &x);
            let (to_logits, to_hidden) = to_outputs(&outputs, &x, &labels, teacher)?;
            let gradients = net.backward(w, &x, &outputs, &to_logits, &to_hidden);
            let done = step as f32 / steps as f32;
            let rate = plan.rate * 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
            let pace = (rate, plan.momentum);
            update(net, &mut quantizers, gradients, share, &mut speeds, pace)?;
            step += 1;
            progress(step as f32 / steps as f32);
        }
    }
    Ok(quantizers)
}

/// A quantizer for each layer, with steps that fit the current weights.
pub fn quantizers(scheme: Scheme, net: &Mlp) -> Fallible<[Quantizer; 2]> {
    let [first, second] = &net.layers;
    Ok([Quantizer::new(scheme, first)?, Quantizer::new(scheme, second)?])
}

/// The weights that products use, quantized by `share`.
fn seen(quantizers: &[Quantizer; 2], net: &Mlp, share: f32) -> Fallible<[Vec<f32>; 2]> {
    let weights = |i: usize| -> Fallible<Vec<f32>> {
        let w = &net.layers[i].w;
        let quantized = quantizers[i].forward(w)?;
        Ok(match share {
            1.0 => quantized,
            _ => blend(w, &quantized, share)?,
        })
    };
    Ok([weights(0)?, weights(1)?])
}

/// The gradients of the loss by logits and by hidden states (empty where the loss does not depend on them).
fn to_outputs(
    outputs: &Outputs,
    x: &[f32],
    labels: &[u8],
    teacher: Option<&Teacher>,
) -> Fallible<(Vec<f32>, Vec<f32>)> {
    let logits = &outputs.logits;
    let Some(Teacher { net, loss, hidden }) = teacher else {
        let labels_only = Distill::default().with_a(0.0).with_t(1.0);
        let to_logits = labels_only.backward(logits, logits, labels, CLASSES)?;
        return Ok((to_logits, Vec::new()));
    };
    let says = net.forward(net.weights(), x);
    let to_logits = loss.backward(logits, &says.logits, labels, CLASSES)?;
    let mut to_hidden = hidden_backward(&outputs.hidden, &says.hidden)?;
    to_hidden.iter_mut().for_each(|d| *d *= hidden);
    Ok((to_logits, to_hidden))
}

/// The momentum of weights, bias and steps.
type Speed = [Vec<f32>; 3];

/// One step, where `gradients` are those of the weights that products used.
fn update(
    net: &mut Mlp,
    quantizers: &mut [Quantizer; 2],
    gradients: [LayerGradients; 2],
    share: f32,
    speeds: &mut [Speed],
    pace: (f32, f32),
) -> Fallible<()> {
    let layers = net.layers.iter_mut().zip(quantizers);
    for (((layer, quantizer), gradient), speed) in layers.zip(gradients).zip(speeds) {
        let (to_w, to_steps) = match share {
            1.0 => quantizer.backward(&layer.w, &gradient.w)?,
            _ => {
                let (direct, through) = blend_backward(&gradient.w, share)?;
                let (mut to_w, to_steps) = quantizer.backward(&layer.w, &through)?;
                to_w.iter_mut().zip(direct).for_each(|(d, more)| *d += more);
                (to_w, to_steps)
            }
        };
        let [of_w, of_bias, of_steps] = speed;
        descend(&mut layer.w, &to_w, of_w, pace);
        descend(&mut layer.bias, &gradient.bias, of_bias, pace);
        descend(quantizer.steps(), &to_steps, of_steps, pace);
        quantizer.keep_in_range();
    }
    Ok(())
}

fn descend(values: &mut [f32], gradient: &[f32], speed: &mut [f32], (rate, momentum): (f32, f32)) {
    for ((value, g), speed) in values.iter_mut().zip(gradient).zip(speed) {
        *speed = momentum * *speed + g;
        *value -= rate * *speed;
    }
}

//! Formats mixed under a budget of bytes: the loss of each linear in each format, and the best choice for all.
//!
//! Squared errors of outputs are not comparable between layers. So each layer gets a weight: the divergence of the
//! model's predictions from those with floats, in nats, when only this layer is packed, divided by the error of its
//! outputs. Losses in other formats are assumed proportional to their errors.

use crate::Jobs;
use crate::llama::calibration::Calibration;
use crate::llama::methods::Method;
use crate::llama::text::Texts;
use crate::llama::{Llama, Place};
use crate::model::Fallible;
use lowbit::calibrate::allocate::{self, Assignment, Choice};
use lowbit::calibrate::sensitivity;
use lowbit::quantize::hessian::Hessian;
use lowbit::{Dense, Error, Format, Linear, Matrix};

/// The methods that quantize a mixture.
pub const METHODS: [Method; 2] = [Method::Rtn, Method::Gptq];

/// The number of calibration texts on which predictions are compared, in one pass for each linear.
const TEXTS: usize = 8;

/// A linear's name, weights, and loss in each format, in nats a token.
pub struct Loss {
    name: String,
    weights: usize,
    choices: Vec<Choice>,
}

pub fn losses(
    llama: &Llama,
    texts: &Texts,
    calibration: &Calibration,
    formats: &[Format],
    jobs: &Jobs,
) -> Fallible<Vec<Loss>> {
    let few = Texts(texts.0.iter().take(TEXTS).cloned().collect());
    let mut changed = llama.clone();
    let float = changed.walk(&few.inputs(), &mut |_, _, _, _| Ok(()))?;
    let mut losses = Vec::new();
    for i in 0..llama.layers.len() {
        for place in Place::ALL {
            let shared = &llama.layers[i].shared[place as usize];
            let mut hessian = Hessian::new(shared.linears[0].linear.k())?;
            hessian.add(calibration.sample(i, place))?;
            for (index, named) in shared.linears.iter().enumerate() {
                jobs.start(&format!("what {} loses", named.name));
                let (n, k) = (named.linear.n(), named.linear.k());
                let w = named.linear.dequantize();
                let mut choices = sensitivity::candidates(formats, Dense::new(n, k, &w)?, &hessian, &|_| ())?;
                choices.sort_by_key(|choice| choice.bytes);
                // The middle format: its errors are large enough to measure, small enough to be additive.
                let probe = choices[choices.len() / 2];
                let packed = Linear::new(Matrix::quantize(probe.format, Dense::new(n, k, &w)?)?);
                let at = |llama: &mut Llama, linear| {
                    let shared = &mut llama.layers[i].shared[place as usize];
                    std::mem::replace(&mut shared.linears[index].linear, linear)
                };
                let kept = at(&mut changed, packed);
                let nats = changed.divergence(&few, &float)?;
                at(&mut changed, kept);
                let factor = nats / probe.error.max(f64::MIN_POSITIVE);
                choices.iter_mut().for_each(|choice| choice.error *= factor);
                losses.push(Loss {
                    name: named.name.clone(),
                    weights: n * k,
                    choices,
                });
            }
        }
    }
    Ok(losses)
}

/// The mixture of least loss within a mean of `bits` bits per weight.
pub fn allocate(losses: &[Loss], bits: f64) -> Fallible<Assignment> {
    let weights: usize = losses.iter().map(|loss| loss.weights).sum();
    let budget = (bits * weights as f64 / 8.0) as u64;
    let choices: Vec<Vec<Choice>> = losses.iter().map(|loss| loss.choices.clone()).collect();
    let chosen = match allocate::exact(&choices, budget) {
        Err(Error::TooLarge { .. }) => allocate::lagrangian(&choices, budget)?,
        chosen => chosen?,
    };
    let entries = losses.iter().zip(chosen);
    let entries = entries.map(|(loss, at)| (loss.name.clone(), loss.choices[at].format));
    Ok(Assignment {
        entries: entries.collect(),
    })
}

//! Distillation: a student learns from labels and from the outputs of a teacher.
//!
//! Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015, arXiv 1503.02531. With student
//! logits s and teacher logits t, the mean over all rows of L = (1 − a) · CE(labels, softmax(s)) + a · T² ·
//! KL(softmax(t / T) ‖ softmax(s / T)). T² compensates for the second gradient, which falls as 1 / T². For hidden
//! states the loss is the mean squared difference, as in Romero et al., "FitNets", 2014, arXiv 1412.6550 (whose
//! regressor is the caller's).

use super::{positive, same_length};
use crate::setters::setters;
use crate::{Error, Result, parallel};

/// The options of the distillation loss.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Distill {
    /// a, 0 (labels only) to 1 (teacher only).
    pub a: f32,
    /// T, the temperature, above 0. A higher T gives more weight to the teacher's small probabilities.
    pub t: f32,
}

setters!(Distill { with_a: a: f32, with_t: t: f32 });

impl Default for Distill {
    /// a = 0.9 and T = 4, the values of Tian, Krishnan and Isola, 2019, arXiv 1910.10699.
    fn default() -> Self {
        Distill { a: 0.9, t: 4.0 }
    }
}

/// The loss that [`Distill::forward`] returns, in nats, as means over all rows.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Loss {
    /// L.
    pub total: f64,
    /// CE, without the factor 1 − a.
    pub cross_entropy: f64,
    /// KL, without the factors a and T².
    pub divergence: f64,
}

impl Distill {
    /// The loss of `student`, rows of `classes` logits, against the `teacher`'s and one label for each row.
    ///
    /// # Errors
    /// [`Error::Length`] where the lengths do not fit each other, [`Error::Argument`] where a, T or a label is out of
    /// range.
    pub fn forward(&self, student: &[f32], teacher: &[f32], labels: &[u8], classes: usize) -> Result<Loss> {
        self.check(student, teacher, labels, classes)?;
        let t = f64::from(self.t);
        let mut rows = vec![(0f64, 0f64); labels.len()];
        parallel::chunks(
            &mut rows,
            1,
            || (),
            |row, out, ()| {
                let s = &student[row * classes..][..classes];
                let cross_entropy = -log_softmax(s, 1.0)[usize::from(labels[row])];
                let (p, q) = (log_softmax(&teacher[row * classes..][..classes], t), log_softmax(s, t));
                let divergence = p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum();
                out[0] = (cross_entropy, divergence);
            },
        );
        let mean = |of: fn(&(f64, f64)) -> f64| rows.iter().map(of).sum::<f64>() / rows.len().max(1) as f64;
        let (cross_entropy, divergence) = (mean(|r| r.0), mean(|r| r.1));
        let a = f64::from(self.a);
        Ok(Loss {
            total: (1.0 - a) * cross_entropy + a * t * t * divergence,
            cross_entropy,
            divergence,
        })
    }

    /// The gradient of L with respect to the student's logits; for each of m rows
    /// ((1 − a) · (softmax(s) − onehot(label)) + a · T · (softmax(s / T) − softmax(t / T))) / m.
    ///
    /// # Errors
    /// Those of [`forward`](Distill::forward).
    pub fn backward(&self, student: &[f32], teacher: &[f32], labels: &[u8], classes: usize) -> Result<Vec<f32>> {
        self.check(student, teacher, labels, classes)?;
        let (a, t) = (f64::from(self.a), f64::from(self.t));
        let m = labels.len() as f64;
        let mut gradient = vec![0f32; student.len()];
        parallel::chunks(
            &mut gradient,
            classes,
            || (),
            |row, out, ()| {
                let s = &student[row * classes..][..classes];
                let hard = log_softmax(s, 1.0);
                let p = log_softmax(&teacher[row * classes..][..classes], t);
                let q = log_softmax(s, t);
                for (c, out) in out.iter_mut().enumerate() {
                    let label = f64::from(u8::from(c == usize::from(labels[row])));
                    let to_labels = (1.0 - a) * (hard[c].exp() - label);
                    let to_teacher = a * t * (q[c].exp() - p[c].exp());
                    *out = ((to_labels + to_teacher) / m) as f32;
                }
            },
        );
        Ok(gradient)
    }

    fn check(&self, student: &[f32], teacher: &[f32], labels: &[u8], classes: usize) -> Result<()> {
        positive("T", self.t)?;
        if !(0.0..=1.0).contains(&self.a) {
            return Err(Error::argument("a", "0 to 1", self.a));
        }
        same_length("student", labels.len().saturating_mul(classes), student.len())?;
        same_length("teacher", student.len(), teacher.len())?;
        match labels.iter().find(|&&l| usize::from(l) >= classes) {
            None => Ok(()),
            Some(label) => Err(Error::argument("a label", &format!("below {classes}"), label)),
        }
    }
}

/// The logarithm of softmax(x / t).
fn log_softmax(x: &[f32], t: f64) -> Vec<f64> {
    // The largest is subtracted, so that no exponential overflows.
    let largest = x.iter().fold(f32::NEG_INFINITY, |m, &x| m.max(x));
    let scaled: Vec<f64> = x.iter().map(|&x| (f64::from(x) - f64::from(largest)) / t).collect();
    let sum: f64 = scaled.iter().map(|x| x.exp()).sum();
    let log_sum = sum.ln();
    scaled.into_iter().map(|x| x - log_sum).collect()
}

/// The mean of (student − teacher)² over all hidden states; 0 where there are none.
///
/// # Errors
/// [`Error::Length`] where the two differ in length.
pub fn hidden_forward(student: &[f32], teacher: &[f32]) -> Result<f64> {
    same_length("teacher", student.len(), teacher.len())?;
    let differences = student.iter().zip(teacher);
    let sum: f64 = differences.map(|(s, t)| (f64::from(*s) - f64::from(*t)).powi(2)).sum();
    Ok(sum / student.len().max(1) as f64)
}

/// The gradient of [`hidden_forward`] with respect to the student's states: 2 · (student − teacher) / their number.
///
/// # Errors
/// [`Error::Length`] where the two differ in length.
pub fn hidden_backward(student: &[f32], teacher: &[f32]) -> Result<Vec<f32>> {
    same_length("teacher", student.len(), teacher.len())?;
    let factor = 2.0 / student.len().max(1) as f32;
    let differences = student.iter().zip(teacher);
    Ok(differences.map(|(s, t)| factor * (s - t)).collect())
}

//! The GPU and the processor side by side.

use crate::cpu::Cpu;
use crate::gpu::Device;
use crate::sample::Candidate;
use crate::{Fallible, Run};

/// Both, given the same tokens; what follows is the GPU's.
pub struct Both<'a> {
    device: Device,
    cpu: Cpu<'a>,
    position: usize,
    steps: usize,
    /// Steps after which both have the same best token.
    agreed: usize,
    worst: Option<Difference>,
}

/// The two logits of a token after a position.
struct Difference {
    position: usize,
    token: usize,
    device: f32,
    cpu: f32,
    /// The root mean square of all differences there, and of the processor's logits.
    rms: [f64; 2],
}

impl Difference {
    fn size(&self) -> f32 {
        (self.device - self.cpu).abs()
    }
}

impl<'a> Both<'a> {
    pub fn new(device: Device, cpu: Cpu<'a>) -> Both<'a> {
        Both {
            device,
            cpu,
            position: 0,
            steps: 0,
            agreed: 0,
            worst: None,
        }
    }
}

impl Run for Both<'_> {
    fn step(&mut self, tokens: &[u32]) -> Fallible<Vec<Candidate>> {
        let best = self.device.step(tokens)?;
        let other = self.cpu.step(tokens)?;
        self.position += tokens.len();
        self.steps += 1;
        let first = |candidates: &[Candidate]| candidates.first().map(|(token, _)| *token);
        self.agreed += (first(&best) == first(&other)) as usize;
        let found = difference(self.position - 1, &self.device.logits()?, &self.cpu.logits()?);
        // NaN is worse than any difference.
        let least = self.worst.as_ref().map_or(-1.0, Difference::size);
        if let Some(found) = found.filter(|found| !(found.size() <= least)) {
            self.worst = Some(found);
        }
        Ok(best)
    }

    fn logits(&self) -> Fallible<Vec<f32>> {
        self.device.logits()
    }

    fn memory(&self) -> String {
        self.device.memory()
    }

    fn report(&self) -> Option<String> {
        let worst = self.worst.as_ref()?;
        let Difference {
            position,
            token,
            device,
            cpu,
            rms: [difference, all],
        } = worst;
        let (agreed, steps) = (self.agreed, self.steps);
        Some(format!(
            "the best token was the same after {agreed} of {steps} steps\n\
             logits differ most after position {position}, in token {token}: {device} on the GPU, {cpu} on the \
             processor; root mean square of differences there {difference:.2e}, of logits {all:.2e}"
        ))
    }
}

/// Where two lists of logits differ most.
fn difference(position: usize, device: &[f32], cpu: &[f32]) -> Option<Difference> {
    let far = |(d, c): (&f32, &f32)| {
        let far = (d - c).abs();
        if far.is_nan() { f32::INFINITY } else { far }
    };
    let pairs = || device.iter().zip(cpu);
    let token = pairs().map(far).enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?.0;
    let rms = |squares: f64| (squares / device.len() as f64).sqrt();
    Some(Difference {
        position,
        token,
        device: device[token],
        cpu: cpu[token],
        rms: [
            rms(pairs().map(|(d, c)| f64::from(d - c).powi(2)).sum()),
            rms(cpu.iter().map(|c| f64::from(*c).powi(2)).sum()),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_difference_is_found() {
        let found = difference(9, &[1.0, 2.0, 3.0], &[1.0, 2.5, 3.25]).unwrap();
        assert_eq!((found.position, found.token, found.size()), (9, 1, 0.5));
        let found = difference(9, &[1.0, 2.0, f32::NAN], &[1.0, 2.5, 3.25]).unwrap();
        assert!(found.token == 2 && found.size().is_nan());
    }
}

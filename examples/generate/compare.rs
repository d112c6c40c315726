//! The GPU and the processor side by side.

use crate::Run;
use crate::cpu::Cpu;
use crate::gpu::Device;
use crate::model::Fallible;
use crate::sample::Candidate;

/// Both, given the same tokens; what follows is the GPU's.
pub struct Both<'a> {
    pub device: Device,
    pub cpu: Cpu<'a>,
    /// The position after which logits differ most, the token, its logits on both.
    worst: (usize, usize, [f32; 2]),
    position: usize,
}

impl<'a> Both<'a> {
    pub fn new(device: Device, cpu: Cpu<'a>) -> Both<'a> {
        let worst = (0, 0, [0.0; 2]);
        Both {
            device,
            cpu,
            worst,
            position: 0,
        }
    }
}

impl Run for Both<'_> {
    fn step(&mut self, tokens: &[u32]) -> Fallible<Vec<Candidate>> {
        let best = self.device.step(tokens)?;
        self.cpu.step(tokens)?;
        self.position += tokens.len();
        let (device, cpu) = (self.device.logits()?, self.cpu.logits()?);
        for (token, both) in device.into_iter().zip(cpu).enumerate() {
            let [far, least] = [both.into(), self.worst.2].map(|[d, c]: [f32; 2]| (d - c).abs());
            // NaN is worse than any difference; the first of them is told.
            if !least.is_nan() && !(far <= least) {
                self.worst = (self.position - 1, token, both.into());
            }
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
        let (position, token, [device, cpu]) = self.worst;
        Some(format!(
            "logits differ most after position {position}, in token {token}: {device} on the GPU, {cpu} on the processor"
        ))
    }
}

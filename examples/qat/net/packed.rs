//! The network with packed weights, as a program would run it.

use super::Fallible;
use super::data::Set;
use super::mlp::{Mlp, accuracy, add_bias, relu};
use super::scheme::Quantizer;
use lowbit::{Dense, Format, Gpu, Matrix};

/// Packed weights of both layers.
pub struct Packed<'a> {
    net: &'a Mlp,
    pub matrices: [Matrix<'static>; 2],
}

impl<'a> Packed<'a> {
    /// The result of training.
    pub fn trained(net: &'a Mlp, quantizers: &[Quantizer; 2]) -> Fallible<Packed<'a>> {
        let [first, second] = &net.layers;
        let matrices = [quantizers[0].export(first)?, quantizers[1].export(second)?];
        Ok(Packed { net, matrices })
    }

    /// Floats rounded by the format, without training.
    pub fn rounded(net: &'a Mlp, format: Format) -> Fallible<Packed<'a>> {
        let [first, second] = &net.layers;
        let matrices = [
            Matrix::quantize(format, Dense::new(first.n, first.k, &first.w)?)?,
            Matrix::quantize(format, Dense::new(second.n, second.k, &second.w)?)?,
        ];
        Ok(Packed { net, matrices })
    }

    /// Stored bits per weight, scales included.
    pub fn bits_per_weight(&self) -> f64 {
        let bits: usize = self.matrices.iter().map(|m| 8 * m.bytes().len()).sum();
        let weights: usize = self.matrices.iter().map(|m| m.n() * m.k()).sum();
        bits as f64 / weights as f64
    }

    /// The accuracy in floats, with the decoded weights of the matrices.
    pub fn in_floats(&self, set: &Set) -> f64 {
        let w = self.matrices.each_ref().map(Matrix::dequantize);
        let outputs = self.net.forward([&w[0], &w[1]], &set.floats());
        accuracy(&outputs.logits, &set.labels)
    }

    /// The accuracy of packed products, on the device or, without one, on the processor.
    pub fn accuracy(&self, gpu: Option<&Gpu>, set: &Set) -> Fallible<f64> {
        let product = |matrix: &Matrix, x: &[f32]| match gpu {
            Some(gpu) => gpu.matmul(x, &gpu.upload(matrix)?),
            None => matrix.matmul(x),
        };
        let [first, second] = &self.net.layers;
        let mut hidden = product(&self.matrices[0], &set.floats())?;
        add_bias(&mut hidden, &first.bias);
        relu(&mut hidden);
        let mut logits = product(&self.matrices[1], &hidden)?;
        add_bias(&mut logits, &second.bias);
        Ok(accuracy(&logits, &set.labels))
    }
}

//! Products with operands, and their expected outputs.

use super::bounded::{Bounded, check};
use crate::common::{Random, exact_inputs, fitting_k, gpu, oracle, random_matrix};
use half::f16;
use lowbit::wgpu::{self, Buffer, BufferSlice};
use lowbit::{Epilogue, FloatType, Format, Gpu, MatMul, MatMulBuilder, Weights};

/// Operands of every kind, in the order of `epilogues`.
pub struct Operands {
    pub epilogues: Vec<Epilogue>,
    /// Numbers of each epilogue, empty if it has no operand.
    pub numbers: Vec<Vec<f32>>,
    pub outputs: FloatType,
    pub n: usize,
    /// Rows of y that share rows of weights: bias and scale have n numbers for each such set.
    pub m: usize,
}

impl Operands {
    pub fn new(
        epilogues: &[Epilogue],
        outputs: FloatType,
        (members, m, n): (usize, usize, usize),
        random: &mut Random,
    ) -> Operands {
        let numbers = epilogues.iter().map(|e| {
            let (count, scale) = match e {
                // Large sums, so that an exponential would overflow.
                Epilogue::Bias => (members * n, 200.0),
                Epilogue::Scale => (members * n, 2.0),
                Epilogue::RowScale => (members * m, 2.0),
                Epilogue::Residual | Epilogue::Accumulate => (members * m * n, 20.0),
                Epilogue::Multiply | Epilogue::SiluGate | Epilogue::GeluTanhGate => (members * m * n, 8.0),
                _ => (0, 1.0),
            };
            let mut floats = random.floats(count, scale);
            if large(*e, outputs) {
                let round = |v: &mut f32| *v = f16::from_f32(*v).to_f32();
                floats.iter_mut().for_each(round);
            }
            floats
        });
        Operands {
            numbers: numbers.collect(),
            epilogues: epilogues.to_vec(),
            outputs,
            n,
            m,
        }
    }

    /// The content of the buffers.
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        let pairs = self.epilogues.iter().zip(&self.numbers);
        pairs
            .filter(|(e, numbers)| !numbers.is_empty() && **e != Epilogue::Accumulate)
            .map(|(e, numbers)| to_bytes(numbers, large(*e, self.outputs)))
            .collect()
    }

    /// What y holds before, where that matters.
    fn held(&self) -> Vec<u8> {
        let pairs = self.epilogues.iter().zip(&self.numbers);
        let mut held = pairs.filter(|(e, _)| **e == Epilogue::Accumulate);
        let Some((_, numbers)) = held.next() else {
            return Vec::new();
        };
        match self.outputs {
            FloatType::F16 => numbers.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
            _ => to_bytes(numbers, false),
        }
    }

    /// Applies the epilogues to sums. `row_of` gives the row of weights of an output.
    pub fn want(&self, sums: &[(f64, f64)], row_of: impl Fn(usize) -> usize) -> Vec<Bounded> {
        let finish = |(at, sum): (usize, &(f64, f64))| {
            let mut out = Bounded::sum(*sum);
            for (epilogue, numbers) in self.epilogues.iter().zip(&self.numbers) {
                let index = match epilogue {
                    Epilogue::Bias | Epilogue::Scale => row_of(at),
                    Epilogue::RowScale => at / self.n,
                    _ => at,
                };
                let operand = numbers.get(index).copied().unwrap_or(0.0);
                out = out.then(*epilogue, operand.into());
            }
            match self.outputs {
                FloatType::F32 => out,
                FloatType::F16 => out.rounded(),
                new => panic!("add the rounding of {new:?} here"),
            }
        };
        sums.iter().enumerate().map(finish).collect()
    }

    /// The row of weights that an output of a batch belongs to.
    pub fn row_of_pair(&self, at: usize) -> usize {
        at / (self.m * self.n) * self.n + at % self.n
    }
}

/// Whether the operand has the outputs' type, and that is f16.
pub fn large(epilogue: Epilogue, outputs: FloatType) -> bool {
    let as_y = [
        Epilogue::Residual,
        Epilogue::Accumulate,
        Epilogue::Multiply,
        Epilogue::SiluGate,
        Epilogue::GeluTanhGate,
    ];
    outputs == FloatType::F16 && as_y.contains(&epilogue)
}

pub fn to_bytes(numbers: &[f32], halves: bool) -> Vec<u8> {
    if !halves {
        return bytemuck::cast_slice(numbers).to_vec();
    }
    let mut halves: Vec<f16> = numbers.iter().map(|v| f16::from_f32(*v)).collect();
    // Buffers hold whole words. The padding must not be used.
    if halves.len() % 2 == 1 {
        halves.push(f16::NAN);
    }
    halves.iter().flat_map(|h| h.to_le_bytes()).collect()
}

/// Random numbers that both types hold exactly.
pub fn inputs(count: usize, kind: FloatType, random: &mut Random) -> Vec<f32> {
    let mut x = random.floats(count, 2.0);
    if kind == FloatType::F16 {
        x.iter_mut().for_each(|v| *v = f16::from_f32(*v).to_f32());
    }
    x
}

/// The `count` outputs in y, with x and the operands in buffers of their own.
pub fn outputs(
    gpu: &Gpu,
    x: Vec<u8>,
    operands: &Operands,
    count: usize,
    encode: impl FnOnce(&mut wgpu::ComputePass, BufferSlice, BufferSlice, &[BufferSlice]),
) -> Result<Vec<f32>, String> {
    let operand_bytes = operands.bytes();
    let mut all = vec![&x[..]];
    all.extend(operand_bytes.iter().map(|b| &b[..]));
    let encode = |pass: &mut wgpu::ComputePass, buffers: &[Buffer], y: BufferSlice| {
        let slices: Vec<BufferSlice> = buffers.iter().map(|b| b.slice(..)).collect();
        encode(pass, slices[0], y, &slices[1..]);
    };
    let held = operands.held();
    match operands.outputs {
        FloatType::F32 => gpu::run_over(gpu, &all, &held, count, encode),
        FloatType::F16 => gpu::run_halves_over(gpu, &all, &held, count, encode),
        new => panic!("add reading back {new:?} here"),
    }
}

/// A format whose two-bit codes every kernel takes, and whose weights are halves: an f16 with a sign, or 0.
pub const EXACT: Format = Format::TQ2_0;

/// One product of a batch of `batch` pairs, and its oracle.
pub struct Case {
    pub weights: Weights,
    pub x: Vec<f32>,
    pub inputs: FloatType,
    pub operands: Operands,
    pub sums: Vec<(f64, f64)>,
    pub m: usize,
    pub batch: usize,
}

impl Case {
    pub fn new(
        gpu: &Gpu,
        format: Format,
        (batch, m, n, k): (usize, usize, usize, usize),
        (inputs_type, outputs_type): (FloatType, FloatType),
        epilogues: &[Epilogue],
        random: &mut Random,
    ) -> Case {
        let k = fitting_k(format, k);
        let x = inputs(batch * m * k, inputs_type, random);
        let types = (inputs_type, outputs_type);
        Case::of(gpu, format, (batch, m, n, k), x, types, epilogues, random)
    }

    /// A case whose inputs and weights are exact in every kernel, whatever it may round.
    pub fn exact(
        gpu: &Gpu,
        (batch, m, n, k): (usize, usize, usize, usize),
        epilogues: &[Epilogue],
        random: &mut Random,
    ) -> Case {
        let x = exact_inputs(batch * m, k, random);
        let types = (FloatType::F32, FloatType::F32);
        Case::of(gpu, EXACT, (batch, m, n, k), x, types, epilogues, random)
    }

    fn of(
        gpu: &Gpu,
        format: Format,
        (batch, m, n, k): (usize, usize, usize, usize),
        x: Vec<f32>,
        (inputs_type, outputs_type): (FloatType, FloatType),
        epilogues: &[Epilogue],
        random: &mut Random,
    ) -> Case {
        let matrix = random_matrix(format, batch * n, k, random.next());
        let decoded = matrix.dequantize();
        let pairs = x.chunks(m * k).zip(decoded.chunks(n * k));
        Case {
            weights: gpu.upload(&matrix).unwrap(),
            sums: pairs.flat_map(|(x, w)| oracle(w, x, n, k)).collect(),
            x,
            inputs: inputs_type,
            operands: Operands::new(epilogues, outputs_type, (batch, m, n), random),
            m,
            batch,
        }
    }

    pub fn builder<'a>(&'a self, gpu: &'a Gpu, kernel: &str) -> MatMulBuilder<'a> {
        let builder = MatMul::builder(gpu, &self.weights, self.m).kernel(kernel);
        let builder = builder.inputs(self.inputs).outputs(self.operands.outputs);
        let epilogues = self.operands.epilogues.iter();
        epilogues.fold(builder, |b, e| b.epilogue(*e)).batch(self.batch)
    }

    pub fn y(&self, gpu: &Gpu, product: &MatMul) -> Result<Vec<f32>, String> {
        let x = to_bytes(&self.x, self.inputs == FloatType::F16);
        outputs(gpu, x, &self.operands, self.sums.len(), |pass, x, y, operands| {
            product.encode_with(pass, x, y, operands).unwrap()
        })
    }

    pub fn want(&self) -> Vec<Bounded> {
        self.operands.want(&self.sums, |at| self.operands.row_of_pair(at))
    }

    pub fn check(&self, gpu: &Gpu, product: &MatMul) -> Result<(), String> {
        check(&self.y(gpu, product)?, &self.want())
    }
}

//! A gate and what it gates in one dispatch: SwiGLU and GeGLU, with every kernel and every axis.

use super::bounded::{Bounded, check};
use super::case::{EXACT, to_bytes};
use super::{allowed, has, limited};
use crate::common::{Random, exact_inputs, fitting_k, gpu, oracle, random_matrix};
use lowbit::wgpu::util::{BufferInitDescriptor, DeviceExt};
use lowbit::wgpu::{self, BufferSlice};
use lowbit::{Epilogue, Error, Experts, FloatType, Format, Gpu, KERNELS, MatMul, MatMulBuilder, Matrix, Weights};

/// `members` pairs of a gate and what it gates, each [n, k], and which of them each row of y is by.
struct Case {
    weights: Weights,
    x: Vec<f32>,
    bias: Vec<f32>,
    factors: Vec<f32>,
    /// The member and the row of x of each row of y.
    rows: Vec<(usize, usize)>,
    decoded: Vec<f32>,
    gate: Epilogue,
    n: usize,
    k: usize,
}

impl Case {
    /// Rows of y: `rows` says by which member, of which row of x.
    fn new(
        gpu: &Gpu,
        format: Format,
        gate: Epilogue,
        (members, n, k): (usize, usize, usize),
        rows: Vec<(usize, usize)>,
        random: &mut Random,
    ) -> Case {
        let k = fitting_k(format, k);
        let mut matrices = Vec::new();
        for _ in 0..2 * members {
            matrices.push(random_matrix(format, n, k, random.next()));
        }
        let all: Vec<&Matrix> = matrices.iter().collect();
        let matrix = Matrix::stacked(&all).unwrap();
        let x_rows = rows.iter().map(|row| row.1 + 1).max().unwrap();
        Case {
            weights: gpu.upload(&matrix).unwrap(),
            x: exact_inputs(x_rows, k, random),
            bias: random.floats(2 * members * n, 3.0),
            factors: random.floats(rows.len(), 2.0),
            decoded: matrices.iter().flat_map(Matrix::dequantize).collect(),
            rows,
            gate,
            n,
            k,
        }
    }

    fn builder<'a>(&'a self, gpu: &'a Gpu, m: usize) -> MatMulBuilder<'a> {
        let builder = MatMul::builder(gpu, &self.weights, m);
        let builder = builder.epilogue(Epilogue::Bias).epilogue(self.gate);
        builder.epilogue(Epilogue::RowScale)
    }

    /// What y should be: bias, gate, factor.
    fn want(&self, outputs: FloatType) -> Vec<Bounded> {
        let (n, k) = (self.n, self.k);
        let mut want = Vec::new();
        for (&(member, x_row), factor) in self.rows.iter().zip(&self.factors) {
            let x = &self.x[x_row * k..][..k];
            let sums = [2 * member, 2 * member + 1].map(|matrix| {
                let plain = oracle(&self.decoded[matrix * n * k..][..n * k], x, n, k);
                let bias = &self.bias[matrix * n..][..n];
                let biased = |(sum, bias): (&(f64, f64), &f32)| Bounded::sum(*sum).then(Epilogue::Bias, (*bias).into());
                plain.iter().zip(bias).map(biased).collect::<Vec<_>>()
            });
            for (gate, up) in sums[0].iter().zip(&sums[1]) {
                let gate = if outputs == FloatType::F16 {
                    gate.rounded()
                } else {
                    *gate
                };
                let operand = match self.gate {
                    Epilogue::SwiGlu => Epilogue::SiluGate,
                    _ => Epilogue::GeluTanhGate,
                };
                let mut y = up.then(operand, gate.value);
                // No slope of either function is over 1.13.
                y.error += 1.13 * gate.error * (up.value.abs() + up.error);
                let y = y.then(Epilogue::RowScale, (*factor).into());
                want.push(if outputs == FloatType::F16 { y.rounded() } else { y });
            }
        }
        want
    }

    /// Runs it; `encode` gets x, y, and the operands.
    fn check(
        &self,
        gpu: &Gpu,
        outputs: FloatType,
        encode: impl FnOnce(&mut wgpu::ComputePass, BufferSlice, BufferSlice, &[BufferSlice]),
    ) -> Result<(), String> {
        let all = [&self.x, &self.bias, &self.factors].map(|floats| to_bytes(floats, false));
        let all: Vec<&[u8]> = all.iter().map(|bytes| &bytes[..]).collect();
        let count = self.rows.len() * self.n;
        let encode = |pass: &mut wgpu::ComputePass, buffers: &[wgpu::Buffer], y: BufferSlice| {
            let [x, bias, factors] = [0, 1, 2].map(|i| buffers[i].slice(..));
            encode(pass, x, y, &[bias, factors]);
        };
        let y = match outputs {
            FloatType::F16 => gpu::run_halves_over(gpu, &all, &[], count, encode)?,
            _ => gpu::run_with(gpu, &all, count, encode)?,
        };
        check(&y, &self.want(outputs))
    }

    fn check_product(&self, gpu: &Gpu, product: &MatMul, outputs: FloatType) -> Result<(), String> {
        self.check(gpu, outputs, |pass, x, y, operands| {
            product.encode_with(pass, x, y, operands).unwrap()
        })
    }
}

/// Rows of x one after the other, by the only member.
fn plain(m: usize) -> Vec<(usize, usize)> {
    (0..m).map(|row| (0, row)).collect()
}

/// n is no multiple of 8, so that what is gated begins in the middle of eight interleaved rows.
#[test]
fn gates_have_every_kernel() {
    let gpu = gpu::gpu();
    let mut random = Random::new(770);
    let mut ran = 0;
    for (i, kernel) in KERNELS.iter().enumerate() {
        let gate = [Epilogue::SwiGlu, Epilogue::GeGlu][i % 2];
        let case = Case::new(gpu, EXACT, gate, (1, 37, 256), plain(3), &mut random);
        let with = |precision| case.builder(gpu, 3).kernel(kernel.name).precision(precision);
        if let Some(product) = allowed(|precision| with(precision).build()) {
            assert_eq!(product.slices(), 1);
            let result = case.check_product(gpu, &product, FloatType::F32);
            result.unwrap_or_else(|e| panic!("{kernel}: {e}"));
            ran += 1;
        }
    }
    assert!(ran >= 8, "{ran}");
}

#[test]
fn gates_meet_every_axis() {
    let gpu = gpu::gpu();
    let mut random = Random::new(771);
    let f32 = FloatType::F32;
    // Batches: three pairs, each with its own two rows of x.
    let rows = (0..6).map(|row| (row / 2, row)).collect();
    let case = Case::new(gpu, Format::Q4_0, Epilogue::SwiGlu, (3, 13, 96), rows, &mut random);
    let product = case.builder(gpu, 2).batch(3).build().unwrap();
    case.check_product(gpu, &product, f32).unwrap();
    // Experts, alone and grouped.
    let ids: Vec<u32> = vec![3, 0, 1, 3, 0, 3];
    let rows = ids
        .iter()
        .enumerate()
        .map(|(slot, id)| (*id as usize, slot / 2))
        .collect();
    let case = Case::new(gpu, Format::Q6_K, Epilogue::GeGlu, (4, 21, 256), rows, &mut random);
    let ids = gpu.device().create_buffer_init(&BufferInitDescriptor {
        label: None,
        contents: bytemuck::cast_slice(&ids),
        usage: wgpu::BufferUsages::STORAGE,
    });
    for grouped in [false, true] {
        let mut experts = Experts::new(4, 2);
        experts.grouped = Some(grouped);
        let product = case.builder(gpu, 3).build_experts(experts).unwrap();
        let result = case.check(gpu, f32, |pass, x, y, operands| {
            product.encode_with(pass, ids.slice(..), x, y, operands).unwrap()
        });
        result.unwrap_or_else(|e| panic!("grouped: {grouped}: {e}"));
    }
    // Slabs that end within the gate, and within what it gates.
    let small = limited(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    let case = Case::new(
        &small,
        Format::INT8,
        Epilogue::SwiGlu,
        (1, 301, 64),
        plain(3),
        &mut random,
    );
    assert!(case.weights.slab_count() > 2);
    let product = case.builder(&small, 3).build().unwrap();
    case.check_product(&small, &product, f32).unwrap();
    // Any number of rows.
    let case = Case::new(gpu, Format::Q4_K, Epilogue::SwiGlu, (1, 19, 256), plain(5), &mut random);
    let product = case.builder(gpu, 40).each_m().build().unwrap();
    let result = case.check(gpu, f32, |pass, x, y, operands| {
        product.encode_rows_with(pass, x, y, operands, 5).unwrap()
    });
    result.unwrap();
    if has(wgpu::Features::SHADER_F16) {
        let mut case = case;
        // What leaves the range of f16 is infinite.
        case.x.iter_mut().for_each(|x| *x /= 256.0);
        let product = case.builder(gpu, 5).outputs(FloatType::F16).build().unwrap();
        case.check_product(gpu, &product, FloatType::F16).unwrap();
    }
}

#[test]
fn broken_gates_are_reported() {
    let gpu = gpu::gpu();
    let mut random = Random::new(772);
    let case = Case::new(gpu, Format::Q4_0, Epilogue::SwiGlu, (1, 13, 96), plain(2), &mut random);
    let mutants = [
        ("", "", ""),
        ("the first sum again", "second = 1u;", "second = 0u;"),
        ("the gate twice", "(1u + GATED) + second)", "(1u + GATED))"),
        (
            "one for the other",
            "(1u + GATED) + second)",
            "(1u + GATED) + 1u - second)",
        ),
        ("a gate of another place", "f32(y[at])", "f32(y[at ^ 1u])"),
        ("finished too early", "if (second == 0u)", "if (second == 2u)"),
    ];
    for (what, from, to) in mutants {
        let product = lowbit::testing::edited(case.builder(gpu, 2).kernel("gemv"), |text| {
            assert!(text.contains(from), "{what}: the shader has no {from:?}");
            text.replace(from, to)
        });
        let result = case.check_product(gpu, &product.build().unwrap(), FloatType::F32);
        assert_eq!(result.is_ok(), what.is_empty(), "not reported: {what} {result:?}");
    }
}

#[test]
fn gates_out_of_place_are_refused() {
    let gpu = gpu::gpu();
    let mut random = Random::new(773);
    let case = Case::new(gpu, Format::Q4_0, Epilogue::SwiGlu, (1, 12, 64), plain(2), &mut random);
    let refused = |epilogues: &[Epilogue], parts: &[&str]| {
        let builder = MatMul::builder(gpu, &case.weights, 2);
        let builder = epilogues.iter().fold(builder, |b, e| b.epilogue(*e));
        let error = builder.build().unwrap_err().to_string();
        assert!(parts.iter().all(|p| error.contains(p)), "{error}");
    };
    use Epilogue::*;
    refused(&[SwiGlu, Bias], &["Bias", "before SwiGlu"]);
    refused(&[Residual, GeGlu], &["Residual", "behind GeGlu"]);
    refused(&[SwiGlu, GeGlu], &["GeGlu", "another gate"]);
    refused(&[SwiGlu, Accumulate], &["Accumulate", "SwiGlu"]);
    let sliced = case.builder(gpu, 2).slices(2).build().unwrap_err().to_string();
    assert!(sliced.contains("1 of a product with a gate"), "{sliced}");
    let odd = gpu.upload(&random_matrix(Format::Q4_0, 13, 64, 1)).unwrap();
    let error = MatMul::builder(gpu, &odd, 1).epilogue(SwiGlu).build().unwrap_err();
    assert!(matches!(error, Error::Part { .. }), "{error}");
}

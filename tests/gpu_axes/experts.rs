//! Products whose weights are chosen by ids.

use super::bounded::{Bounded, check};
use super::case::{EXACT, Operands, inputs, to_bytes};
use super::{FORMATS, allowed, kernels};
use crate::common::{Random, exact_inputs, fitting_k, gpu, oracle, random_matrix, same_bits};
use lowbit::wgpu::BufferSlice;
use lowbit::{
    Epilogue, Error, ExpertMatMul, Experts, FloatType, Format, Gpu, KERNELS, MatMul, MatMulBuilder, Precision, Weights,
};

const COUNT: usize = 8;

/// A layer of experts, tokens, and the expected outputs.
struct Case {
    weights: Weights,
    ids: Vec<u32>,
    x: Vec<f32>,
    inputs: FloatType,
    operands: Operands,
    sums: Vec<(f64, f64)>,
    tokens: usize,
    experts: Experts,
    n: usize,
}

/// Ids of two experts for each token: no token chooses expert 5, every token chooses 6, and the others are unsorted.
fn choices(tokens: usize) -> Vec<u32> {
    let others = [7, 2, 0, 7, 4, 1, 3];
    let pair = |t: usize| match t % 2 {
        0 => [others[t % 7], 6],
        _ => [6, others[t % 7]],
    };
    (0..tokens).flat_map(pair).collect()
}

impl Case {
    fn new(
        gpu: &Gpu,
        format: Format,
        (tokens, n, k): (usize, usize, usize),
        shared: bool,
        epilogues: &[Epilogue],
        random: &mut Random,
    ) -> Case {
        let k = fitting_k(format, k);
        let rows = if shared { tokens } else { 2 * tokens };
        let x = inputs(rows * k, FloatType::F32, random);
        Case::of(gpu, format, (tokens, n, k), x, shared, epilogues, random)
    }

    fn of(
        gpu: &Gpu,
        format: Format,
        (tokens, n, k): (usize, usize, usize),
        x: Vec<f32>,
        shared: bool,
        epilogues: &[Epilogue],
        random: &mut Random,
    ) -> Case {
        let mut experts = Experts::new(COUNT, 2);
        experts.shared_inputs = shared;
        let matrix = random_matrix(format, COUNT * n, k, random.next());
        let ids = choices(tokens);
        let slots = ids.len();
        let kind = FloatType::F32;
        let decoded = matrix.dequantize();
        let sums = ids.iter().enumerate().flat_map(|(slot, &id)| {
            let row = if shared { slot / 2 } else { slot };
            let w = &decoded[id as usize * n * k..][..n * k];
            oracle(w, &x[row * k..][..k], n, k)
        });
        let mut operands = Operands::new(epilogues, kind, (1, slots, n), random);
        // Bias and scale have numbers for all experts.
        for (epilogue, numbers) in epilogues.iter().zip(&mut operands.numbers) {
            if matches!(epilogue, Epilogue::Bias | Epilogue::Scale) {
                *numbers = random.floats(COUNT * n, 3.0);
            }
        }
        Case {
            weights: gpu.upload(&matrix).unwrap(),
            sums: sums.collect(),
            ids,
            x,
            inputs: kind,
            operands,
            tokens,
            experts,
            n,
        }
    }

    fn builder<'a>(&'a self, gpu: &'a Gpu, kernel: &str) -> MatMulBuilder<'a> {
        let builder = MatMul::builder(gpu, &self.weights, self.tokens).kernel(kernel);
        let epilogues = self.operands.epilogues.iter();
        let builder = epilogues.fold(builder, |b, e| b.epilogue(*e));
        builder.inputs(self.inputs)
    }

    fn y(&self, gpu: &Gpu, product: &ExpertMatMul, ids: &[u32]) -> Result<Vec<f32>, String> {
        let operand_bytes = self.operands.bytes();
        let x = to_bytes(&self.x, self.inputs == FloatType::F16);
        let mut all = vec![&x[..], bytemuck::cast_slice(ids)];
        all.extend(operand_bytes.iter().map(|b| &b[..]));
        let count = self.sums.len();
        gpu::run_with(gpu, &all, count, |pass, buffers, y| {
            let slices: Vec<BufferSlice> = buffers.iter().map(|b| b.slice(..)).collect();
            let (x, ids) = (slices[0], slices[1]);
            product.encode_with(pass, ids, x, y, &slices[2..]).unwrap();
        })
    }

    fn want(&self) -> Vec<Bounded> {
        let row_of = |at: usize| self.ids[at / self.n] as usize * self.n + at % self.n;
        self.operands.want(&self.sums, row_of)
    }

    fn check(&self, gpu: &Gpu, product: &ExpertMatMul) -> Result<(), String> {
        check(&self.y(gpu, product, &self.ids)?, &self.want())
    }
}

/// Every kernel of the table that this adapter runs.
#[test]
fn groups_have_every_kernel() {
    let gpu = gpu::gpu();
    let mut random = Random::new(840);
    // More rows than a tile has.
    let (tokens, n, k) = (17, 269, 256);
    let mut ran = 0;
    for kernel in KERNELS {
        let x = exact_inputs(tokens, k, &mut random);
        let case = Case::of(gpu, EXACT, (tokens, n, k), x, true, ROUTED, &mut random);
        let with = |precision| case.builder(gpu, kernel.name).precision(precision);
        let Some(product) = allowed(|p| with(p).build_experts(case.experts)) else {
            continue;
        };
        assert!(product.is_grouped(), "{kernel}");
        case.check(gpu, &product).unwrap_or_else(|e| panic!("{kernel}: {e}"));
        ran += 1;
    }
    assert!(ran >= 8, "{ran}");
}

const ROUTED: &[Epilogue] = &[Epilogue::Bias, Epilogue::RowScale];

#[test]
fn experts_multiply_their_tokens() {
    let gpu = gpu::gpu();
    let mut random = Random::new(800);
    for (i, kernel) in kernels().into_iter().enumerate() {
        let format = FORMATS[i % 5];
        for tokens in [1, 3, 17] {
            let shared = tokens != 3;
            let chain = if tokens == 17 { ROUTED } else { &[] };
            // n is not a multiple of 8: experts begin in the middle of eight interleaved rows.
            let shape = (tokens, [13, 37][i % 2], 96);
            let case = Case::new(gpu, format, shape, shared, chain, &mut random);
            let product = case.builder(gpu, kernel).build_experts(case.experts);
            let product = product.unwrap();
            assert_eq!(product.is_grouped(), tokens == 17);
            case.check(gpu, &product)
                .unwrap_or_else(|e| panic!("{kernel} {format}, {tokens} tokens: {e}"));
        }
    }
}

/// An id that names no expert gives NaN in its rows, whatever an epilogue does with NaN, and only there.
#[test]
fn unknown_experts_are_nan() {
    let gpu = gpu::gpu();
    let mut random = Random::new(810);
    let chain = &[Epilogue::Relu];
    let case = Case::new(gpu, Format::INT4, (3, 13, 96), true, chain, &mut random);
    let mut ids = case.ids.clone();
    (ids[0], ids[4]) = (COUNT as u32, u32::MAX);
    for grouped in [false, true] {
        let experts = case.experts.with_grouped(Some(grouped));
        let product = case.builder(gpu, "gemv").build_experts(experts).unwrap();
        let y = case.y(gpu, &product, &ids).unwrap();
        for (slot, (y, want)) in y.chunks(13).zip(case.want().chunks(13)).enumerate() {
            match slot {
                0 | 4 => assert!(y.iter().all(|v| v.is_nan()), "{slot}: {y:?}"),
                _ => check(y, want).unwrap(),
            }
        }
    }
}

/// The kernels that lowbit chooses for either class of device; repeated grouping gives the same bits.
#[test]
fn chosen_kernels_and_repetition() {
    let gpu = gpu::gpu();
    let mut random = Random::new(820);
    let case = Case::new(gpu, Format::Q4_0, (17, 13, 96), true, &[], &mut random);
    for class in [lowbit::DeviceClass::Cpu, lowbit::DeviceClass::Gpu] {
        let gpu = gpu.with_class(class);
        let product = ExpertMatMul::new(&gpu, &case.weights, case.experts, 17, Precision::F32);
        let product = product.unwrap();
        case.check(&gpu, &product).unwrap();
        let y = || case.y(&gpu, &product, &case.ids).unwrap();
        same_bits(&y(), &y()).unwrap();
    }
}

/// Experts in two slabs.
#[test]
fn experts_across_slabs() {
    let small = super::limited(|limits| {
        limits.max_storage_buffer_binding_size = 8 << 10;
        limits.max_compute_workgroups_per_dimension = 36;
    });
    let mut random = Random::new(830);
    let case = Case::new(&small, Format::INT4, (17, 37, 96), true, ROUTED, &mut random);
    assert!(case.weights.slab_count() > 1);
    for (grouped, kernel) in [(false, "gemv"), (true, "gemm")] {
        let experts = case.experts.with_grouped(Some(grouped));
        let product = case.builder(&small, kernel).build_experts(experts).unwrap();
        case.check(&small, &product)
            .unwrap_or_else(|e| panic!("grouped {grouped}: {e}"));
    }
    // A batch of pairs is stacked in the same way; more than the limit is refused.
    let pairs = crate::case::Case::new(&small, Format::INT4, (4, 2, 74, 96), super::F32, &[], &mut random);
    assert!(pairs.weights.slab_count() > 1);
    let product = pairs.builder(&small, "gemv").build().unwrap();
    pairs.check(&small, &product).unwrap();
    let shape = (37, 1, 8, 32);
    let deep = crate::case::Case::new(&small, Format::INT4, shape, super::F32, &[], &mut random);
    let error = deep.builder(&small, "gemv").build().unwrap_err().to_string();
    assert!(error.contains("37") && error.contains("36"), "{error}");
    let none = Experts::new(0, 2);
    let none = MatMul::builder(&small, &pairs.weights, 1).build_experts(none);
    assert!(matches!(none, Err(Error::Argument { .. })));
    let made = |tokens, per_token| {
        let experts = Experts::new(4, per_token);
        MatMul::builder(&small, &pairs.weights, tokens).build_experts(experts)
    };
    assert!(matches!(made(0, 2), Err(Error::Length { .. })));
    assert!(matches!(made(2, 0), Err(Error::Argument { .. })));
    let error = made(usize::MAX, 2).err().unwrap();
    assert!(
        matches!(error, Error::Length { .. } | Error::TooLarge { .. }),
        "{error}"
    );
    let long = MatMul::builder(&small, &pairs.weights, 30).batch(4);
    assert!(matches!(long.build(), Err(Error::TooLarge { .. })));
}

#[test]
fn broken_experts_are_reported() {
    let gpu = gpu::gpu();
    let mut random = Random::new(840);
    let few = Case::new(gpu, Format::Q4_0, (3, 13, 96), true, ROUTED, &mut random);
    let many = Case::new(gpu, Format::Q4_0, (17, 13, 96), true, ROUTED, &mut random);
    let mutants: &[(&Case, &str, &str, &str)] = &[
        (&few, "", "", ""),
        (&many, "", "", ""),
        (&few, "the next expert", "member = ids[z];", "member = ids[z] + 1u;"),
        (&few, "the first expert", "member = ids[z];", "member = 0u;"),
        (
            &few,
            "experts begin at eights",
            "(1u + GATED) + second) * params.n + row",
            "(1u + GATED) + second) * (params.n / 8u * 8u) + row",
        ),
        (
            &few,
            "the next token",
            "return depth / params.sharing;",
            "return (depth + 1u) / params.sharing;",
        ),
        (
            &few,
            "another row of y",
            "return place(row, depth);",
            "return place(row, depth + 1u);",
        ),
        (
            &few,
            "routing of the next token",
            "row_scale_of[at / params.n]",
            "row_scale_of[at / params.n + 1u]",
        ),
        (
            &many,
            "the next tile's expert",
            "return groups[tile];",
            "return groups[tile + 1u];",
        ),
        (&many, "the next row's token", "TILE_M + x_row]", "TILE_M + x_row + 1u]"),
        (&many, "idle tiles that are all", "which != NOWHERE", "which == NOWHERE"),
        (&many, "bias of the first expert", "weight_row(row), at)", "row, at)"),
    ];
    for (case, what, from, to) in mutants {
        let builder = case.builder(gpu, "gemv");
        let builder = lowbit::testing::edited(builder, |text| {
            assert!(text.contains(from), "{what}: the shader has no {from:?}");
            text.replace(from, to)
        });
        let product = builder.build_experts(case.experts);
        let result = case.check(gpu, &product.unwrap());
        assert_eq!(result.is_ok(), what.is_empty(), "not reported: {what} {result:?}");
    }
}

//! What surrounds product kernels: types of inputs and outputs, epilogues, batches, slices of k, experts; each against
//! f64 oracles, each with mutants that must be reported.
#![cfg(feature = "gpu")]

mod common;

#[path = "gpu_axes/activations.rs"]
mod activations;
#[path = "gpu_axes/bounded.rs"]
mod bounded;
#[path = "gpu_axes/case.rs"]
mod case;
#[path = "gpu_axes/experts.rs"]
mod experts;
#[path = "gpu_axes/gates.rs"]
mod gates;

use bounded::check;
use case::{Case, to_bytes};
use common::{Random, gpu};
use lowbit::wgpu::{self, BufferSlice};
use lowbit::{Epilogue, Error, FloatType, Format, Gpu, KERNELS, KernelInfo, MatMul, MatMulBuilder, Precision};

/// The product kernels of the table that this adapter runs in f32. `shader::slots` checks all of them under every axis
/// with naga; those that round have oracles of their own (`gpu_half`, `activations`).
fn kernels() -> Vec<&'static str> {
    names(|_| true)
}

/// Those with this property.
fn names(of: fn(&KernelInfo) -> bool) -> Vec<&'static str> {
    let kernels = gpu::kernels_of(gpu::gpu(), Precision::F32).into_iter();
    kernels.filter(|k| of(k)).map(|k| k.name).collect()
}

/// The product with the first precision that the kernel takes; None if this adapter lacks what it needs, or if it is
/// not a product kernel.
fn allowed<T>(make: impl Fn(Precision) -> Result<T, Error>) -> Option<T> {
    for precision in [Precision::F32, Precision::F16, Precision::I8] {
        match make(precision) {
            Ok(made) => return Some(made),
            Err(Error::Precision { .. }) => {}
            Err(Error::Feature { .. } | Error::Unknown { .. }) => return None,
            Err(e) => panic!("{e}"),
        }
    }
    panic!("the kernel takes no precision");
}

fn has(feature: wgpu::Features) -> bool {
    gpu::gpu().device().features().contains(feature)
}

/// A device with smaller limits than its adapter's, and no features.
fn limited(change: impl FnOnce(&mut wgpu::Limits)) -> Gpu {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    pollster::block_on(async {
        let adapter = instance.request_adapter(&Default::default()).await.unwrap();
        let mut limits = wgpu::Limits::default().or_worse_values_from(&adapter.limits());
        change(&mut limits);
        let device = adapter.request_device(&wgpu::DeviceDescriptor {
            required_limits: limits,
            ..Default::default()
        });
        let (device, queue) = device.await.unwrap();
        Gpu::from_wgpu(adapter, device, queue).unwrap()
    })
}

const FORMATS: [Format; 5] = [Format::INT4, Format::Q4_K, Format::Q6_K, Format::F16, Format::Q4_0];

const F32: (FloatType, FloatType) = (FloatType::F32, FloatType::F32);

/// Chains that contain every epilogue between them.
const CHAINS: [&[Epilogue]; 8] = [
    &[Epilogue::Bias, Epilogue::Gelu, Epilogue::Scale],
    &[Epilogue::Bias, Epilogue::GeluTanh],
    &[Epilogue::Scale, Epilogue::Relu, Epilogue::Residual],
    &[Epilogue::Bias, Epilogue::Silu, Epilogue::Multiply],
    &[Epilogue::SiluGate, Epilogue::RowScale],
    &[
        Epilogue::Residual,
        Epilogue::Bias,
        Epilogue::RowScale,
        Epilogue::SiluGate,
    ],
    &[Epilogue::GeluTanhGate, Epilogue::Accumulate],
    &[Epilogue::Scale, Epilogue::SoftCap(30.0)],
];

#[test]
fn epilogues_are_within_their_bounds() {
    let gpu = gpu::gpu();
    let mut random = Random::new(700);
    for (i, chain) in CHAINS.iter().enumerate() {
        // All chains with one kernel, and one chain with each of the others.
        let mut kernels = vec!["gemv"];
        kernels.extend(kernels_beside("gemv").get(i));
        for kernel in kernels {
            let shape = [(1, 3, 37, 96), (1, 1, 13, 288), (1, 9, 70, 160)][i % 3];
            let case = Case::new(gpu, FORMATS[i % 5], shape, F32, chain, &mut random);
            let product = case.builder(gpu, kernel).build().unwrap();
            case.check(gpu, &product)
                .unwrap_or_else(|e| panic!("{kernel} {chain:?}: {e}"));
        }
    }
}

fn kernels_beside(one: &str) -> Vec<&'static str> {
    kernels().into_iter().filter(|k| *k != one).collect()
}

/// f16 inputs on every adapter, f16 outputs if it has the feature; rows with an odd number of halves.
#[test]
fn halves_in_and_out() {
    let gpu = gpu::gpu();
    let mut random = Random::new(710);
    let chain = &[Epilogue::Bias, Epilogue::Residual, Epilogue::Accumulate];
    for (i, kernel) in kernels().into_iter().enumerate() {
        // Odd n and m, so that outputs end in the middle of a word; odd k with a format that allows it.
        for (format, shape) in [(FORMATS[i % 3], (1, 3, 37, 256)), (Format::F16, (1, 5, 13, 257))] {
            let f16 = has(wgpu::Features::SHADER_F16);
            let output = if f16 { FloatType::F16 } else { FloatType::F32 };
            let types = (FloatType::F16, output);
            let case = Case::new(gpu, format, shape, types, chain, &mut random);
            let product = case.builder(gpu, kernel).build().unwrap();
            case.check(gpu, &product)
                .unwrap_or_else(|e| panic!("{kernel} {format}: {e}"));
        }
    }
    let case = Case::new(gpu, Format::INT4, (1, 1, 8, 64), F32, &[], &mut random);
    let bare = gpu.with_features(wgpu::Features::empty());
    let refused = MatMul::builder(&bare, &case.weights, 1).outputs(FloatType::F16);
    assert!(matches!(refused.build(), Err(Error::Feature { .. })));
}

/// Rows past the binding limit are split into runs, weights into slabs: operands must follow. Rows with an odd number
/// of halves would begin at odd offsets.
#[test]
fn runs_and_slabs_have_their_operands() {
    let gpu = limited(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    let mut random = Random::new(760);
    let chain = &[
        Epilogue::Bias,
        Epilogue::Residual,
        Epilogue::RowScale,
        Epilogue::Accumulate,
    ];
    for (format, inputs, shape) in [
        (Format::F16, FloatType::F16, (1, 200, 24, 33)),
        (Format::INT8, FloatType::F32, (1, 3, 700, 64)),
    ] {
        let types = (inputs, FloatType::F32);
        let case = Case::new(&gpu, format, shape, types, chain, &mut random);
        assert_eq!(case.weights.slab_count() > 1, format == Format::INT8);
        let product = case.builder(&gpu, "gemv").build().unwrap();
        case.check(&gpu, &product).unwrap_or_else(|e| panic!("{format}: {e}"));
    }
}

#[test]
fn batches_multiply_pairs() {
    let gpu = gpu::gpu();
    let mut random = Random::new(720);
    for (i, kernel) in kernels().into_iter().enumerate() {
        // n is not a multiple of 8: matrices begin in the middle of eight interleaved rows.
        let shape = [(3, 2, 13, 96), (2, 5, 37, 256), (5, 1, 3, 288)][i % 3];
        let chain = &[Epilogue::Bias, Epilogue::RowScale];
        let case = Case::new(gpu, FORMATS[i % 5], shape, F32, chain, &mut random);
        let product = case.builder(gpu, kernel).build().unwrap();
        case.check(gpu, &product).unwrap_or_else(|e| panic!("{kernel}: {e}"));
    }
}

/// Every kernel of the table that this adapter runs.
#[test]
fn batches_have_every_kernel() {
    let gpu = gpu::gpu();
    let mut random = Random::new(725);
    let chain = &[Epilogue::Bias, Epilogue::RowScale];
    let mut ran = 0;
    for kernel in KERNELS {
        let case = Case::exact(gpu, (3, 2, 13, 256), chain, &mut random);
        let with = |precision| case.builder(gpu, kernel.name).precision(precision);
        if let Some(product) = allowed(|precision| with(precision).build()) {
            case.check(gpu, &product).unwrap_or_else(|e| panic!("{kernel}: {e}"));
            ran += 1;
        }
    }
    assert!(ran >= 8, "{ran}");
}

/// Slices give the same sums, bit for bit the same each time.
#[test]
fn slices_are_added_up() {
    let gpu = gpu::gpu();
    let mut random = Random::new(730);
    let chain = &[Epilogue::Bias, Epilogue::Relu];
    for (i, kernel) in names(|k| k.slices).into_iter().enumerate() {
        // The last slice is short; with five slices it would be empty.
        for (slices, shape) in [(2, (1, 3, 37, 800)), (5, (2, 2, 9, 1030))] {
            let format = [FORMATS[i], Format::F16][slices % 2];
            let case = Case::new(gpu, format, shape, F32, chain, &mut random);
            let product = case.builder(gpu, kernel).slices(slices).build().unwrap();
            assert_eq!(product.slices(), slices);
            let y = case.y(gpu, &product).unwrap();
            check(&y, &case.want()).unwrap_or_else(|e| panic!("{kernel} in {slices}: {e}"));
            common::same_bits(&case.y(gpu, &product).unwrap(), &y).unwrap();
        }
    }
    // Chosen automatically: on cards only, and only if there are few tiles.
    let case = Case::new(gpu, Format::Q4_0, (1, 1, 9, 2048), F32, chain, &mut random);
    for (class, slices) in [(lowbit::DeviceClass::Cpu, 1), (lowbit::DeviceClass::Gpu, 4)] {
        let gpu = gpu.with_class(class);
        let product = case.builder(&gpu, "gemv").build().unwrap();
        assert_eq!(product.slices(), slices, "{class:?}");
        case.check(&gpu, &product).unwrap();
    }
}

/// The comparisons above must report shaders that are slightly wrong.
#[test]
fn broken_axes_are_reported() {
    let gpu = gpu::gpu();
    let mut random = Random::new(740);
    let chain = &[Epilogue::Bias, Epilogue::Scale, Epilogue::Silu];
    let types = (FloatType::F16, FloatType::F32);
    let batch = Case::new(gpu, Format::Q4_0, (3, 2, 13, 96), types, chain, &mut random);
    let ragged = Case::new(gpu, Format::F16, (1, 3, 13, 257), types, chain, &mut random);
    let sliced = Case::new(gpu, Format::Q4_0, (1, 2, 13, 800), F32, &[], &mut random);
    let mutants: &[(&Case, usize, &str, &str, &str)] = &[
        (&batch, 1, "", "", ""),
        (&ragged, 1, "", "", ""),
        (&sliced, 2, "", "", ""),
        (&batch, 1, "the neighbour's bias", "bias_of[row]", "bias_of[row + 1u]"),
        (&batch, 1, "no bias", "bias(value, row, at)", "value"),
        (&batch, 1, "bias of the first pair", "weight_row(row), at)", "row, at)"),
        (
            &batch,
            1,
            "the order of epilogues",
            "silu(scale(bias(value, row, at), row, at), row, at)",
            "scale(silu(bias(value, row, at), row, at), row, at)",
        ),
        (&batch, 1, "another SiLU", "s < 0.0", "s > 0.0"),
        (
            &batch,
            1,
            "weights of the first pair",
            "member = z / SLICES;",
            "member = 0u;",
        ),
        (
            &batch,
            1,
            "inputs of the first pair",
            "return member * params.m + x_row;",
            "return x_row;",
        ),
        (
            &batch,
            1,
            "halves swapped",
            "unpack2x16float(four.x)",
            "unpack2x16float(four.x).yx",
        ),
        (&ragged, 1, "rows begin at words", "x[at / 2u]", "x[(at + 1u) / 2u]"),
        (&ragged, 1, "the word's first half", "at % 2u == 1u", "false"),
        (&sliced, 2, "a slice forgotten", "(id.z % SLICES) * whole", "0u * whole"),
        (
            &sliced,
            2,
            "slices of the same place",
            "(depth % SLICES) * params.outputs",
            "0u",
        ),
        (
            &sliced,
            2,
            "slices overlap",
            "min(first + whole, parts)",
            "min(first + whole + 1u, parts)",
        ),
    ];
    for (case, slices, what, from, to) in mutants {
        let product = case.builder(gpu, "gemv").slices(*slices);
        let product = lowbit::testing::edited(product, |text| {
            assert!(text.contains(from), "{what}: the shader has no {from:?}");
            text.replace(from, to)
        });
        let product = product.build();
        let result = case.check(gpu, &product.unwrap());
        assert_eq!(result.is_ok(), what.is_empty(), "not reported: {what} {result:?}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let gpu = gpu::gpu();
    let mut random = Random::new(750);
    let chain = &[Epilogue::Bias];
    let case = Case::new(gpu, Format::IQ2_XXS, (1, 2, 12, 512), F32, chain, &mut random);
    let builder = || MatMul::builder(gpu, &case.weights, 2);
    let says = |builder: MatMulBuilder, parts: &[&str]| {
        let error = builder.build().unwrap_err().to_string();
        assert!(parts.iter().all(|p| error.contains(p)), "{error}");
    };
    says(builder().batch(5), &["5 matrices", "12"]);
    says(builder().batch(0), &["0"]);
    says(
        builder().epilogue(Epilogue::Bias).epilogue(Epilogue::Bias),
        &["Bias", "1", "2"],
    );
    says(
        builder().epilogue(Epilogue::SiluGate).epilogue(Epilogue::GeluTanhGate),
        &["GeluTanhGate", "1", "2"],
    );
    for cap in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        says(
            builder().epilogue(Epilogue::SoftCap(cap)),
            &["cap", "positive", &cap.to_string()],
        );
    }
    says(
        builder().kernel("lane_tile").slices(2),
        &["lane_tile", "1 with this kernel", "2"],
    );
    says(builder().kernel("gemv").slices(0), &["1 or more", "0"]);
    says(builder().kernel("gem"), &["gem", "gemv"]);
    // A table and four operands make nine buffers.
    let all = [Epilogue::Bias, Epilogue::Scale, Epilogue::Residual, Epilogue::Multiply];
    let many = |count: usize| all[..count].iter().fold(builder(), |b, e| b.epilogue(*e));
    says(many(4), &["max_storage_buffers_per_shader_stage", "9", "8"]);
    assert!(many(3).build().is_ok());
    // Operands are checked like x and y.
    let product = case.builder(gpu, "gemv").build().unwrap();
    let x = to_bytes(&case.x, false);
    let nothing = gpu::run_with(gpu, &[&x, &x[..44]], 24, |pass, buffers, y| {
        let (x, short) = (buffers[0].slice(..), buffers[1].slice(..));
        let mut refused = |operands: &[BufferSlice], parts: &[&str]| {
            let error = product.encode_with(pass, x, y, operands).unwrap_err().to_string();
            assert!(parts.iter().all(|p| error.contains(p)), "{error}");
        };
        refused(&[], &["operands", "1", "0"]);
        refused(&[x, x], &["operands", "1", "2"]);
        refused(&[short], &["bias", "48", "44"]);
        refused(&[y], &["bias", "same buffer"]);
    });
    assert!(nothing.is_err(), "nothing was recorded");
    assert_eq!(product.precision(), Precision::F32);
}

//! Products: every kernel, every axis, what surrounds a `Linear`.

use crate::common::{Random, exact_inputs, fitting_k, gpu, random_matrix};
use crate::framed::run;
use crate::{formats, same};
use half::f16;
use lowbit::wgpu::{BufferSlice, Features};
use lowbit::{
    Epilogue, Experts, FloatType, Format, Gpu, InputScale, KERNELS, KernelInfo, Linear, LinearMatMul, MatMul,
    MatMulBuilder, Matrix, Precision, RmsNorm, Rotation,
};

/// The product kernels that run on this device.
fn kernels() -> Vec<&'static KernelInfo> {
    let precisions = [Precision::F32, Precision::F16, Precision::I8];
    precisions
        .iter()
        .flat_map(|p| gpu::kernels_of(gpu::gpu(), *p))
        .collect()
}

/// The outputs, so many bytes, of m rows by a product that `change` adds to, with its operands.
fn product(
    gpu: &Gpu,
    matrix: &Matrix,
    kernel: &KernelInfo,
    (m, outputs): (usize, usize),
    inputs: &[&[u8]],
    change: impl Fn(MatMulBuilder) -> MatMulBuilder,
) -> Result<Vec<u32>, String> {
    let weights = gpu.upload(matrix).unwrap();
    let builder = MatMul::builder(gpu, &weights, m).precision(kernel.precision);
    let product = change(builder.kernel(kernel.name)).build().unwrap();
    run(gpu, inputs, outputs, |pass, inputs, y| {
        product.encode_with(pass, inputs[0], y, &inputs[1..]).unwrap()
    })
}

fn bytes(floats: &[f32]) -> &[u8] {
    bytemuck::cast_slice(floats)
}

fn halves(count: usize, random: &mut Random) -> Vec<f16> {
    random.floats(count, 2.0).into_iter().map(f16::from_f32).collect()
}

/// Every kernel, each with another format; n, m and k end within tiles.
#[test]
fn every_kernel_gives_the_bits_that_it_gives_with_checks() {
    let mut random = Random::new(1210);
    let formats = formats();
    for (i, kernel) in kernels().into_iter().enumerate() {
        let mut others = formats.iter().cycle().skip(2 * i).take(formats.len());
        let format = others.find(|f| kernel.serves(**f)).expect("a format of the kernel");
        let m = [2, 3][i % 2];
        let k = fitting_k(*format, [256, 264][i % 2]);
        let matrix = random_matrix(*format, 77, k, random.next());
        let x = random.floats(m * k, 1.0);
        same(&format!("{kernel} {format} m = {m}"), |gpu| {
            product(gpu, &matrix, kernel, (m, 4 * m * 77), &[bytes(&x)], |b| b)
        });
    }
}

/// Operands of every kind, halves in and out, batches, slices, weights in slabs.
#[test]
fn axes_stay_within_what_is_bound() {
    let mut random = Random::new(1220);
    let named = |name: &str| KERNELS.iter().find(|k| k.name == name).unwrap();
    let (gemv, gemm, tile) = (named("gemv"), named("gemm"), named("lane_tile"));
    let (n, k) = (37, 96);
    let matrix = random_matrix(Format::INT4, n, k, 9);
    for (kernel, m) in [(gemv, 3), (gemm, 19), (tile, 5)] {
        let [x, of_rows] = [m * k, m].map(|count| random.floats(count, 1.0));
        let of_weights = random.floats(n, 1.0);
        let of_outputs = random.floats(m * n, 1.0);
        let chains = [
            [Epilogue::Bias, Epilogue::Scale, Epilogue::RowScale],
            [Epilogue::Residual, Epilogue::SiluGate, Epilogue::Multiply],
        ];
        for chain in chains {
            let operands = chain.iter().map(|epilogue| match epilogue {
                Epilogue::Bias | Epilogue::Scale => bytes(&of_weights),
                Epilogue::RowScale => bytes(&of_rows),
                _ => bytes(&of_outputs),
            });
            let inputs: Vec<_> = std::iter::once(bytes(&x)).chain(operands).collect();
            same(&format!("{kernel} {chain:?}"), |gpu| {
                product(gpu, &matrix, kernel, (m, 4 * m * n), &inputs, |builder| {
                    chain
                        .iter()
                        .fold(builder, |builder, epilogue| builder.epilogue(*epilogue))
                })
            });
        }
    }
    let odd = random_matrix(Format::F16, n, 257, 10);
    let x = halves(3 * 257, &mut random);
    same("halves", |gpu| {
        let (outputs, size) = match gpu.device().features().contains(Features::SHADER_F16) {
            true => (FloatType::F16, 2),
            false => (FloatType::F32, 4),
        };
        // An odd number of halves in x and in y.
        let x: Vec<u8> = x.iter().flat_map(|half| half.to_le_bytes()).collect();
        product(gpu, &odd, gemv, (3, size * 3 * n), &[&x], |builder| {
            builder.inputs(FloatType::F16).outputs(outputs)
        })
    });
    let pairs = random_matrix(Format::Q4_0, 4 * 13, k, 11);
    let x = random.floats(4 * 3 * k, 1.0);
    for (kernel, slices) in [(gemv, 1), (gemm, 1), (tile, 1), (gemv, 3)] {
        same(&format!("{kernel}, a batch in {slices} slices"), |gpu| {
            product(gpu, &pairs, kernel, (3, 4 * 12 * 13), &[bytes(&x)], |b| {
                b.batch(4).slices(slices)
            })
        });
    }
    let long = random_matrix(Format::Q4_K, n, 1280, 12);
    let x = random.floats(2 * 1280, 1.0);
    same("slices", |gpu| {
        product(gpu, &long, gemv, (2, 4 * 2 * n), &[bytes(&x)], |b| b.slices(5))
    });
    let x = exact_inputs(3, k, &mut random);
    for scale in [
        InputScale::Token,
        InputScale::Static {
            scale: 0.25,
            zero_point: 3,
        },
    ] {
        same(&format!("{scale:?}"), |gpu| {
            product(gpu, &matrix, named("gemv_dp4a"), (3, 4 * 3 * n), &[bytes(&x)], |b| {
                b.input_scale(scale)
            })
        });
    }
    let slabs = gpu::borrowed(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    let wide = random_matrix(Format::INT8, 700, 64, 13);
    let x = random.floats(3 * 64, 1.0);
    let y = [false, true].map(|trusted| {
        let gpu = slabs.with_trusted(trusted);
        assert!(gpu.upload(&wide).unwrap().slab_count() > 1);
        product(&gpu, &wide, gemv, (3, 4 * 3 * 700), &[bytes(&x)], |b| b).unwrap()
    });
    assert_eq!(y[0], y[1], "slabs");
}

/// Ids past the last expert, with every kernel, tokens apart and grouped: NaN in their rows and only there.
#[test]
fn unknown_experts_are_nan() {
    let mut random = Random::new(1230);
    // More rows than any tile has.
    let (count, n, k, tokens) = (5, 300, 256, 9);
    let ids: Vec<u32> = vec![
        4,
        5,
        0,
        u32::MAX,
        3,
        3,
        1 << 31,
        0,
        2,
        6,
        1,
        1,
        4,
        4,
        u32::MAX - 1,
        2,
        0,
        3,
    ];
    let operands = [random.floats(count * n, 1.0), random.floats(2 * tokens, 1.0)];
    for (kernel, grouped) in kernels()
        .into_iter()
        .flat_map(|kernel| [(kernel, false), (kernel, true)])
    {
        // Every kernel takes codes of two bits.
        let matrix = random_matrix(Format::TQ2_0, count * n, k, random.next());
        let x = exact_inputs(tokens, k, &mut random);
        let y = same(&format!("{kernel}, grouped {grouped}"), |gpu| {
            let weights = gpu.upload(&matrix).unwrap();
            let builder = MatMul::builder(gpu, &weights, tokens).precision(kernel.precision);
            let builder = builder
                .kernel(kernel.name)
                .epilogue(Epilogue::Bias)
                .epilogue(Epilogue::RowScale);
            let experts = Experts::new(count, 2).with_grouped(Some(grouped));
            let product = builder.build_experts(experts).unwrap();
            let inputs = [
                bytemuck::cast_slice(&ids),
                bytes(&x),
                bytes(&operands[0]),
                bytes(&operands[1]),
            ];
            run(gpu, &inputs, 4 * ids.len() * n, |pass, inputs: &[BufferSlice], y| {
                product
                    .encode_with(pass, inputs[0], inputs[1], y, &inputs[2..])
                    .unwrap()
            })
        });
        for (id, row) in ids.iter().zip(y.chunks(n)) {
            let nan = row.iter().filter(|bits| f32::from_bits(**bits).is_nan()).count();
            let unknown = *id as usize >= count;
            assert_eq!(nan, if unknown { n } else { 0 }, "{kernel}: id {id}");
        }
    }
}

/// A layer with all that a layout may add.
#[test]
fn linears_stay_within_what_is_bound() {
    let mut random = Random::new(1240);
    let (n, k, m) = (40, 320, 3);
    let signs = |count: usize| (0..count).map(|i| [1.0, -1.0][i % 3 % 2]).collect();
    let outliers = halves(3 * n, &mut random);
    let linear = Linear::new(random_matrix(Format::INT4_ASYM, n, k, 5));
    let linear = linear.with_norm(RmsNorm {
        weight: random.floats(k, 2.0),
        eps: 0.5,
    });
    let linear = linear.and_then(|l| l.with_permutation((0..k as u32).rev().collect()));
    let linear = linear.and_then(|l| {
        l.with_rotation(Rotation {
            block: 64,
            signs: signs(k),
        })
    });
    let linear = linear.and_then(|l| l.with_outliers(vec![3, 319, 7], outliers));
    let linear = linear.and_then(|l| {
        l.with_output_rotation(Rotation {
            block: 8,
            signs: signs(n),
        })
    });
    let linear = linear.and_then(|l| l.with_bias(random.floats(n, 9.0))).unwrap();
    let x = random.floats(m * k, 1.0);
    same("a linear", |gpu| {
        let weights = gpu.upload_linear(&linear).unwrap();
        let product = LinearMatMul::new(gpu, &weights, m, Precision::F32).unwrap();
        run(gpu, &[bytes(&x)], 4 * m * n, |pass, x, y| {
            product.encode(pass, x[0], y).unwrap()
        })
    });
}

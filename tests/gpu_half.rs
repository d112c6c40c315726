//! Kernels that round to f16, by name, with every format over edge shapes. Against an oracle with inputs and weights
//! rounded the same way, their sums have the same bound as those of exact kernels.
#![cfg(feature = "gpu")]

mod common;

use common::{BOUND, Random, fitting_k, gpu, oracle, random_matrix, within_bound};
use half::f16;
use lowbit::wgpu::{DeviceType, Features};
use lowbit::{
    Caps, DeviceClass, Error, FloatType, Format, Gpu, Group, KERNELS, KernelInfo, MatMul, Matrix, Precision, Weights,
};
use std::process::Command;

/// The kernels that need `Precision::F16` to be allowed and that this device can run.
fn half_kernels(gpu: &Gpu) -> Vec<&'static KernelInfo> {
    gpu::kernels_of(gpu, Precision::F16)
}

/// What a device with these features must be able to run: no kernel may be missing silently.
#[test]
fn no_kernel_is_missing() {
    let gpu = gpu::gpu();
    // `half_kernels` compares those that need no matrix units with the table as it lists them.
    let kernels = half_kernels(gpu);
    println!("kernels: {kernels:?}");
    let sides: Vec<_> = kernels.iter().filter_map(|k| k.matrix_side).collect();
    match (gpu::has(gpu, Caps::COOPERATIVE_MATRIX), gpu.info().device_type) {
        (false, _) => assert!(sides.is_empty(), "{sides:?}"),
        // lavapipe's only shape.
        (true, DeviceType::Cpu) => assert_eq!(sides, [8]),
        // The side depends on the card.
        (true, _) => assert!(!sides.is_empty()),
    }
}

/// These kernels round f32 inputs to f16, so f16 inputs give the same product to the last bit.
#[test]
fn halves_in() {
    let gpu = gpu::gpu();
    let (m, n) = (5, 40);
    let mut seen = 0;
    for (format, k) in [(Format::Q4_0, 256), (Format::F16, 257)] {
        let weights = gpu.upload(&random_matrix(format, n, k, 21)).unwrap();
        let mut x: Vec<f16> = Random::new(22)
            .floats(m * k, 2.0)
            .into_iter()
            .map(f16::from_f32)
            .collect();
        let floats: Vec<f32> = x.iter().map(|x| x.to_f32()).collect();
        // Pad to whole words.
        x.resize((m * k).next_multiple_of(2), f16::ZERO);
        let bits: Vec<u16> = x.iter().map(|x| x.to_bits()).collect();
        for kernel in half_kernels(gpu) {
            let builder = || MatMul::builder(gpu, &weights, m).precision(Precision::F16);
            let product = builder().kernel(kernel.name).build().unwrap();
            let want = gpu::prepared(gpu, &product, &floats);
            let product = builder().kernel(kernel.name).inputs(FloatType::F16);
            let product = product.build().unwrap();
            let got = gpu::run(gpu, &bits, m * n, |pass, x, y| product.encode(pass, x, y).unwrap());
            assert_eq!(got, want, "{kernel} {format}");
            seen += 1;
        }
    }
    println!("{seen} products");
}

/// With no optional feature off, each in turn, and all of them: kernels that need it are refused by its name, and the
/// kernel chosen instead is right.
#[test]
fn features_switch_off() {
    let gpu = gpu::gpu();
    let all = half_kernels(gpu);
    let (m, n, k) = (65, 131, 96);
    let matrix = random_matrix(Format::Q4_0, n, k, 11);
    let weights = gpu.upload(&matrix).unwrap();
    let case = Case::of(gpu, &matrix, Random::new(12).floats(m * k, 2.0));
    let coop = Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
    for off in [
        Features::empty(),
        coop,
        Features::SHADER_F16,
        Features::SUBGROUP,
        Features::all(),
    ] {
        for class in [DeviceClass::Cpu, DeviceClass::Gpu] {
            let gpu = gpu.with_features(!off).with_class(class);
            for &kernel in &all {
                let made = common::gpu::with_kernel(&gpu, &weights, m, Precision::F16, kernel.name);
                let mut features = off.iter_names().map(|(name, _)| name);
                let needs_it = features.any(|name| kernel.needs.names().any(|needed| needed == name));
                assert_eq!(made.is_ok(), !needs_it, "{kernel} without {off:?}");
                if needs_it {
                    assert!(matches!(made, Err(Error::Feature { .. })), "{made:?}");
                }
            }
            let chosen = MatMul::new(&gpu, &weights, m, Precision::F16).unwrap();
            case.check(&gpu, &chosen);
        }
    }
}

/// The environment variable, in a process of its own, since it is read once, when the device is created.
#[test]
fn the_environment_switches_matrices_off() {
    const OFF: &str = "LOWBIT_NO_COOPERATIVE_MATRIX";
    if std::env::var_os(OFF).is_some() {
        let kernels = half_kernels(gpu::gpu());
        assert!(!kernels.iter().any(|k| k.matrix_side.is_some()), "{kernels:?}");
        return;
    }
    // Not `current_exe`: under chroot there is no /proc.
    let run = Command::new(std::env::args_os().next().unwrap())
        .args(["--exact", "the_environment_switches_matrices_off"])
        .env(OFF, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && text.contains("1 passed"), "{text}");
}

/// F16 is used only if the caller asked for it; then matrix units are used if the device has them.
#[test]
fn rounding_is_chosen_only_where_it_is_allowed() {
    let gpu = gpu::gpu();
    let all = half_kernels(gpu);
    let named = |name: &str| all.iter().find(|k| k.name == name);
    let weights = gpu.upload(&random_matrix(Format::Q4_0, 64, 256, 3)).unwrap();
    for class in [DeviceClass::Cpu, DeviceClass::Gpu] {
        let gpu = gpu.with_class(class);
        for m in [1, 12, 13, 63, 64, 300] {
            for precision in [Precision::F32, Precision::I8] {
                let chosen = MatMul::new(&gpu, &weights, m, precision).unwrap();
                assert!(named(chosen.kernel()).is_none(), "{chosen:?} {precision:?}");
            }
            let chosen = MatMul::new(&gpu, &weights, m, Precision::F16).unwrap();
            println!("m = {m} as on a {class:?}: {}", chosen.kernel());
            if class == DeviceClass::Gpu && m > 12 && !all.is_empty() {
                let matrices = m >= 64 && all.iter().any(|k| k.matrix_side.is_some());
                let kernel = named(chosen.kernel()).expect("a kernel of halves");
                assert_eq!(kernel.matrix_side.is_some(), matrices, "{chosen:?}");
            }
        }
    }
}

/// A product with its oracles: everything rounded to f16, and nothing rounded.
struct Case {
    weights: Weights,
    x: Vec<f32>,
    rounded: Vec<(f64, f64)>,
    exact: Vec<(f64, f64)>,
    at: String,
}

fn to_half(values: &[f32]) -> Vec<f32> {
    values.iter().map(|&v| f16::from_f32(v).to_f32()).collect()
}

impl Case {
    fn of(gpu: &Gpu, matrix: &Matrix, x: Vec<f32>) -> Case {
        let (n, k) = (matrix.n(), matrix.k());
        let w = matrix.dequantize();
        Case {
            weights: gpu.upload(matrix).unwrap(),
            rounded: oracle(&to_half(&w), &to_half(&x), n, k),
            exact: oracle(&w, &x, n, k),
            at: format!("{} m={} n={n} k={k}", matrix.format(), x.len() / k),
            x,
        }
    }

    fn random(gpu: &Gpu, format: Format, shape: (usize, usize, usize), random: &mut Random) -> Case {
        let (m, n, k) = shape;
        let k = fitting_k(format, k);
        let matrix = random_matrix(format, n, k, random.next());
        Case::of(gpu, &matrix, random.floats(m * k, 2.0))
    }

    /// The error of the kernel of this name.
    fn by(&self, gpu: &Gpu, kernel: &str) -> f64 {
        let y = gpu::product_at(Precision::F16, gpu, &self.weights, &self.x, kernel);
        within_bound(&y, &self.rounded)
            .unwrap_or_else(|e| panic!("{kernel}, {} as on a {:?}: {e}", self.at, gpu.class()))
    }

    /// Checks a prepared product against the oracle of its kernel.
    fn check(&self, gpu: &Gpu, product: &MatMul) {
        let kernel = KERNELS.iter().find(|k| k.name == product.kernel()).unwrap();
        let want = if kernel.precision == Precision::F16 {
            &self.rounded
        } else {
            &self.exact
        };
        within_bound(&gpu::prepared(gpu, product, &self.x), want).unwrap_or_else(|e| panic!("{product:?}: {e}"));
    }
}

/// Rows of x, rows of weights, row lengths: tiles that are not full, in every direction, one or several of them, short
/// and ragged parts.
const EDGES: &[(usize, usize, usize)] = &[
    (1, 1, 8),
    (2, 9, 40),
    (9, 66, 64),
    (31, 70, 160),
    (33, 5, 333),
    (64, 64, 32),
    (65, 129, 224),
    (129, 131, 96),
];

/// One in so many formats also runs as on the other class of devices, where only the tile sizes differ.
const OTHER_CLASS: usize = 24;

/// Each kernel and each format meets every shape, but not every combination: compiling takes nearly all of the time.
#[test]
fn every_kernel_and_format_is_within_its_bound() {
    let own = gpu::gpu();
    let other = match own.class() {
        DeviceClass::Cpu => DeviceClass::Gpu,
        _ => DeviceClass::Cpu,
    };
    let kernels = half_kernels(own);
    let formats = Format::ALL;
    let all = std::env::var("LOWBIT_EDGES").is_ok_and(|v| v == "all");
    let run = |place: usize, format: Format| {
        let mut random = Random::new(700 + place as u64);
        let mut worst = 0f64;
        for (number, kernel) in kernels.iter().enumerate() {
            let shapes = if all {
                EDGES
            } else {
                &EDGES[(place + 3 * number) % EDGES.len()..][..1]
            };
            for &shape in shapes {
                let case = Case::random(own, format, shape, &mut random);
                worst = worst.max(case.by(own, kernel.name));
                // Every adapter also runs kernels as they are for the other class of devices.
                if (place + number).is_multiple_of(OTHER_CLASS) {
                    worst = worst.max(case.by(&own.with_class(other), kernel.name));
                }
            }
        }
        worst
    };
    // Most of the time is compiling, which two threads do in parallel.
    let half = |which: usize| {
        let mine = formats.iter().enumerate().filter(|(i, _)| i % 2 == which);
        mine.map(|(i, &f)| run(i, f)).fold(0f64, f64::max)
    };
    let worst = std::thread::scope(|scope| {
        let first = scope.spawn(|| half(0));
        half(1).max(first.join().unwrap())
    });
    println!(
        "{} kernels, {} formats: largest error {worst:.2} of {BOUND} units of eps*sum|x*w|",
        kernels.len(),
        formats.len()
    );
}

/// Sums in f16 would overflow here: the true ones are far over 65 504, but inputs and weights are not.
#[test]
fn long_rows_of_large_inputs_do_not_overflow() {
    let gpu = gpu::gpu();
    let mut random = Random::new(300);
    let (m, n, k) = (3, 9, 14336);
    for format in [Format::Q4_0, Format::INT8] {
        let matrix = random_matrix(format, n, k, random.next());
        let x: Vec<f32> = (0..m * k).map(|_| 1e4 * (1.5 + random.signed())).collect();
        let case = Case::of(gpu, &matrix, x);
        assert!(case.rounded.iter().any(|(sum, _)| sum.abs() > 65504.0));
        for kernel in half_kernels(gpu) {
            case.by(gpu, kernel.name);
        }
    }
}

/// The padding of the last part of a row must not count: at a scale this large its weights overflow f16.
#[test]
fn what_is_past_the_end_of_a_row_stays_zero() {
    let gpu = gpu::gpu();
    // Codes 15 with zero point 15: weights 0. The padding of a part has code 0: -15 * 8192.
    let format = Format::INT4_ASYM.with_group(Group::Row).unwrap();
    let (n, k) = (5, 40);
    let zeros = vec![0f32; n * k];
    let row_bytes = format.row_bytes(k).unwrap();
    let mut bytes = vec![0xff; n * row_bytes];
    for row in bytes.chunks_mut(row_bytes) {
        row[..2].copy_from_slice(&f16::from_f32(8192.0).to_le_bytes());
        row[2..4].copy_from_slice(&f16::from_f32(15.0).to_le_bytes());
    }
    let matrix = Matrix::from_bytes(format, n, k, bytes).unwrap();
    let x = Random::new(13).floats(2 * k, 1.0);
    assert_eq!(matrix.dequantize(), zeros);
    let case = Case::of(gpu, &matrix, x);
    for kernel in half_kernels(gpu) {
        case.by(gpu, kernel.name);
        let y = gpu::mutant_of(kernel.name, gpu, &matrix, &case.x, |text| {
            text.replace("select(vec4<f32>(0.0), w, at <", "select(w, w, at <")
        });
        assert!(within_bound(&y, &case.rounded).is_err(), "{kernel}");
    }
}

/// Zero blocks, subnormal halves, an input that overflows f16 and must stay in its row.
#[test]
fn special_values_travel() {
    let gpu = gpu::gpu();
    let (n, k) = (3, 64);
    let mut bytes = vec![0u8; n * 68];
    bytes[68..70].copy_from_slice(&0x0001u16.to_le_bytes()); // 2^-24
    bytes[70..102].fill(0x80);
    bytes[136..138].copy_from_slice(&0x3c00u16.to_le_bytes()); // 1.0
    bytes[138..170].fill(0x80);
    let matrix = Matrix::from_bytes(Format::Q8_0, n, k, bytes).unwrap();
    let weights = gpu.upload(&matrix).unwrap();
    let mut x = vec![1.0f32; 2 * k];
    x[k] = 1e6;
    for kernel in half_kernels(gpu) {
        let y = gpu::product_at(Precision::F16, gpu, &weights, &x, kernel.name);
        let first = -128.0 * 32.0 * 2f32.powi(-24);
        assert_eq!(y[..3], [0.0, first, -4096.0], "{kernel}");
        assert!(y[3].is_nan(), "{kernel}: 0 times infinity");
        assert_eq!(y[5], f32::NEG_INFINITY, "{kernel}");
    }
}

/// The comparison must report shaders that are slightly wrong, and one that rounds nothing.
#[test]
fn broken_kernels_are_reported() {
    let gpu = gpu::gpu();
    let (m, n, k) = (67, 70, 160);
    let matrix = random_matrix(Format::Q4_0, n, k, 77);
    let case = Case::of(gpu, &matrix, Random::new(500).floats(m * k, 2.0));
    let exact = gpu.matmul(&case.x, &case.weights).unwrap();
    within_bound(&exact, &case.exact).unwrap();
    assert!(within_bound(&exact, &case.rounded).is_err(), "nothing is rounded");

    type Mutant = (&'static str, &'static str, &'static str);
    let any: &[Mutant] = &[
        ("a part forgotten", "part < parts;", "part < parts - 1u;"),
        (
            "inputs of the part before",
            "x_at(x_row, part * 8u",
            "x_at(x_row, part * 4u",
        ),
        (
            "an input off by half a unit of f16",
            "x_at(x_row, part",
            "1.0002 * x_at(x_row, part",
        ),
        (
            "weights off by half a unit of f16",
            "return a.scale * level;",
            "return 1.0002 * a.scale * level;",
        ),
        ("another row", "min(first_row + ", "min(1u + first_row + "),
        ("another row of x", "min(first_x_row + ", "min(1u + first_x_row + "),
        (
            "written elsewhere",
            "return x_row * params.n + row;",
            "return x_row * params.n + row + 1u;",
        ),
        (
            "sums rounded to f16",
            "y[at] = value;",
            "y[at] = unpack2x16float(pack2x16float(vec2<f32>(value))).x;",
        ),
    ];
    let plain: &[Mutant] = &[(
        "a vec4 of four twice",
        "x_tile[swizzled(lane_x_row + SIXTEENS * 1u, i)]",
        "x_tile[swizzled(lane_x_row + SIXTEENS * 1u, i & 6u)]",
    )];
    let matrices: &[Mutant] = &[
        (
            "the first step twice",
            ") * STRIDE + 1u * MATRIX;",
            ") * STRIDE + 0u * MATRIX;",
        ),
        ("x transposed", "coopLoadT<MatrixX>", "coopLoad<MatrixX>"),
        ("weights transposed", "coopLoad<MatrixW>", "coopLoadT<MatrixW>"),
        ("sums transposed", "coopStoreT(sum", "coopStore(sum"),
        ("a neighbour's sums", "MATRIX + i]", "MATRIX + (i ^ 1u)]"),
    ];
    for kernel in half_kernels(gpu) {
        let sound = gpu::mutant_of(kernel.name, gpu, &matrix, &case.x, |text| text.to_string());
        within_bound(&sound, &case.rounded).expect("the unchanged kernel");
        let own = if kernel.matrix_side.is_some() { matrices } else { plain };
        for (what, from, to) in any.iter().chain(own) {
            let y = gpu::mutant_of(kernel.name, gpu, &matrix, &case.x, |text| {
                assert!(text.contains(from), "{what}: {kernel} has no {from:?}");
                text.replace(from, to)
            });
            let seen = within_bound(&y, &case.rounded).is_err();
            assert!(seen, "{kernel}, not reported: {what}");
        }
    }
}

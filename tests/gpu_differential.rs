//! Products of structured data with every format and kernel, at any shape, on the device and the CPU, checked against
//! the bounds of docs/precision.md. `scripts/differential` runs this longer, on every available driver.
//!
//! LOWBIT_DIFFERENTIAL: seconds (20); LOWBIT_SEED: the first random seed (1).
#![cfg(feature = "gpu")]

mod common;

use common::structured::{INPUTS, WEIGHTS, inputs, matrix};
use common::{BOUND, Random, fitting_k, gpu, oracle, random_matrix, within_bound};
use lowbit::{DeviceClass, Error, Format, Gpu, Group, InputScale, KERNELS, MatMul, Matrix, Precision, wgpu};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Every format with groups and scales of all kinds.
fn formats() -> Vec<Format> {
    let mut all = Format::ALL.to_vec();
    for format in Format::ALL {
        let groups = [8, 16, 24, 40, 64, 128].iter();
        all.extend(groups.filter_map(|&g| format.with_group(g).ok()));
        all.extend(format.with_group(Group::Row));
        for scale in format.scale_types() {
            let scaled = format.with_scale(scale).unwrap();
            all.push(scaled);
            all.extend(scaled.with_group(64));
        }
    }
    all
}

/// One product and the sums that it may be compared with.
struct Case {
    at: String,
    matrix: Matrix<'static>,
    x: Vec<f32>,
    exact: Vec<(f64, f64)>,
    /// Sums of inputs rounded to bytes.
    bytes: Vec<(f64, f64)>,
    /// Sums of inputs and weights rounded to halves.
    halves: Vec<(f64, f64)>,
}

impl Case {
    fn random(formats: &[Format], random: &mut Random) -> Case {
        let mut pick = |len: usize| (random.next() % len as u64) as usize;
        let format = formats[pick(formats.len())];
        let m = [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 32, 33, 65, 127][pick(14)];
        // Few rows are long, so that many cases run.
        let (n, k) = match pick(12) {
            0 => (1 + pick(4), 8 * (300 + pick(8192 - 300))),
            1..4 => (1 + pick(100), 8 * (1 + pick(32))),
            _ => (1 + pick(70), 8 * (1 + pick(150))),
        };
        let m = if k > 8192 { m.min(9) } else { m };
        let k = fitting_k(format, k);
        let of_weights = WEIGHTS[pick(WEIGHTS.len())];
        let of_inputs = INPUTS[pick(INPUTS.len())];
        let seed = random.next();
        let made = matrix(of_weights, format, n, k, random);
        let (matrix, of_weights) = match made {
            Some(matrix) => (matrix, of_weights),
            None => (random_matrix(format, n, k, seed), "random bytes"),
        };
        let x = inputs(of_inputs, format, m, k, random);
        let w = matrix.dequantize();
        let mut rounded = x.clone();
        InputScale::Run.fake_quantize(&mut rounded, k).unwrap();
        let half = |v: &[f32]| -> Vec<f32> {
            let half = v.iter().map(|v| half::f16::from_f32(*v).to_f32());
            half.collect()
        };
        Case {
            at: format!("{format} m={m} n={n} k={k}, {of_weights} by {of_inputs}"),
            exact: oracle(&w, &x, n, k),
            bytes: oracle(&w, &rounded, n, k),
            halves: oracle(&half(&w), &half(&x), n, k),
            matrix,
            x,
        }
    }

    /// The largest error in units of the bound, against the nearest of the sums that this precision allows.
    fn error(&self, y: &[f32], precision: Precision) -> f64 {
        let k = self.matrix.k() as f64;
        let by = |want: &[(f64, f64)], bound: f64| {
            let errors = y.iter().zip(want).map(|(y, (sum, magnitude))| {
                let unit = f32::EPSILON as f64 * magnitude + k * f32::MIN_POSITIVE as f64;
                let error = (*y as f64 - sum).abs() / unit / bound;
                if error.is_nan() { f64::INFINITY } else { error }
            });
            errors.fold(0f64, f64::max)
        };
        let exact = by(&self.exact, BOUND);
        match precision {
            Precision::F32 => exact,
            Precision::I8 => exact.min(by(&self.bytes, BOUND)),
            Precision::F16 => exact.min(by(&self.halves, BOUND + k / 128.0)),
            other => panic!("add the bound of {other} here"),
        }
    }

    /// The device's error with a kernel, or with the chosen one; None if it cannot serve the case.
    fn on_device(&self, gpu: &Gpu, precision: Precision, kernel: Option<&str>) -> Option<(f64, String)> {
        let weights = gpu.upload(&self.matrix).unwrap();
        let m = self.x.len() / self.matrix.k();
        let mut product = MatMul::builder(gpu, &weights, m).precision(precision);
        if let Some(kernel) = kernel {
            product = product.kernel(kernel);
        }
        match product.build() {
            Ok(product) => {
                let y = gpu::prepared(gpu, &product, &self.x);
                Some((self.error(&y, precision), product.kernel().to_string()))
            }
            Err(
                Error::Feature { .. }
                | Error::Precision { .. }
                | Error::NoCodes { .. }
                | Error::Unknown { .. }
                | Error::DeviceLimit { .. },
            ) if kernel.is_some() => None,
            Err(e) => panic!("{}, {kernel:?}: {e}", self.at),
        }
    }
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")),
        Err(_) => default,
    }
}

#[test]
fn structured_products_are_within_their_bounds() {
    let gpu = gpu::gpu();
    let time = Duration::from_secs(number("LOWBIT_DIFFERENTIAL", 20));
    let seed = number("LOWBIT_SEED", 1);
    let mut random = Random::new(seed);
    let formats = formats();
    let mut worst = BTreeMap::<String, (f64, String)>::new();
    let (mut cases, mut products, mut bad) = (0, 0, 0);
    let start = Instant::now();
    while start.elapsed() < time {
        let case = Case::random(&formats, &mut random);
        let precision = [Precision::F32, Precision::F32, Precision::I8, Precision::F16];
        let precision = precision[(random.next() % 4) as usize];
        let mut note = |by: String, error: f64| {
            products += 1;
            if !(error <= 1.0) {
                bad += 1;
                println!("{error:.2} of the bound: {by}, {}", case.at);
            }
            let entry = worst.entry(by).or_default();
            if error >= entry.0 {
                *entry = (error, case.at.clone());
            }
        };
        let on_host = case.matrix.matmul_with(&case.x, precision).unwrap();
        note(format!("processor, {precision:?}"), case.error(&on_host, precision));
        let class = match random.next() % 2 {
            0 => DeviceClass::Cpu,
            _ => DeviceClass::Gpu,
        };
        let mut as_on = gpu.with_class(class);
        if random.next().is_multiple_of(4) {
            as_on = as_on.with_features(wgpu::Features::empty());
        }
        let kernel = KERNELS[(random.next() % KERNELS.len() as u64) as usize].name;
        let kernel = random.next().is_multiple_of(2).then_some(kernel);
        if let Some((error, kernel)) = case.on_device(&as_on, precision, kernel) {
            note(format!("{kernel}, {precision:?}"), error);
        }
        cases += 1;
    }
    println!(
        "seed {seed}: {cases} cases, {products} products in {:?}",
        start.elapsed()
    );
    for (by, (error, at)) in &worst {
        println!("{error:.2} of the bound at worst: {by}, {at}");
    }
    assert!(cases > 0 && products > cases, "{cases} cases, {products} products");
    assert_eq!(bad, 0, "{bad} of {products} products are out of bounds");
}

/// Weights that lose some bits next to their offset: random bytes do not reveal it, weights that are small next to the
/// offset of their group do.
#[test]
fn structured_data_reports_what_random_bytes_do_not() {
    let gpu = gpu::gpu();
    let mut random = Random::new(600);
    let (format, m, n, k) = (Format::INT8_BIAS, 3, 9, 256);
    let cancelling = |text: &str| {
        let from = "fma(level, vec4<f32>(a.scale), vec4<f32>(a.offset))";
        let to = "fma(level, vec4<f32>(a.scale), vec4<f32>(257.0 * a.offset)) - 256.0 * a.offset";
        assert!(text.contains(from), "the shader has no {from:?}");
        text.replace(from, to)
    };
    let errors = |of: &Matrix, x: &[f32]| {
        let want = oracle(&of.dequantize(), x, n, k);
        let sound = gpu::mutant(gpu, of, x, |text| text.to_string());
        within_bound(&sound, &want).expect("the unchanged kernel");
        within_bound(&gpu::mutant(gpu, of, x, cancelling), &want)
    };
    let bytes = random_matrix(format, n, k, random.next());
    errors(&bytes, &random.floats(m * k, 2.0)).expect("random bytes show nothing");
    let weights = matrix("outliers", format, n, k, &mut random).unwrap();
    let x = inputs("masked", format, m, k, &mut random);
    assert!(errors(&weights, &x).is_err(), "not reported");
}

/// An infinite input, and one whose products with levels overflow f32: the result must be that of whole weights, even
/// where such an input meets the middle level.
#[test]
fn infinite_and_huge_inputs_meet_whole_weights() {
    let gpu = gpu::gpu();
    let mut random = Random::new(601);
    let (n, at) = (70, 37);
    for format in [
        Format::Q4_1,
        Format::Q5_1,
        Format::Q2_K,
        Format::Q4_K,
        Format::INT4_ASYM,
        Format::INT8_BIAS,
    ] {
        let k = fitting_k(format, 600);
        let matrix = random_matrix(format, n, k, random.next());
        let w = matrix.dequantize();
        let weights = gpu.upload(&matrix).unwrap();
        let largest = w.iter().fold(0f32, |most, w| most.max(w.abs()));
        for (m, class) in [1, 2, 4, 8].into_iter().flat_map(|m| {
            let classes = [DeviceClass::Cpu, DeviceClass::Gpu];
            classes.map(|class| (m, class))
        }) {
            let gpu = gpu.with_class(class);
            let mut x = random.floats(m * k, 1.0);
            x[at] = f32::INFINITY;
            let y = gpu.matmul(&x, &weights).unwrap();
            for (row, y) in y[..n].iter().enumerate() {
                let want = w[row * k + at] * f32::INFINITY;
                let same = *y == want || y.is_nan() && want.is_nan();
                assert!(same, "{format}, m = {m}, row {row}: {y} for {want}");
            }
            let rest = oracle(&w, &x[k..], n, k);
            within_bound(&y[n..], &rest).unwrap_or_else(|e| panic!("{format}, m = {m}: {e}"));
            // docs/precision.md promises less for formats with zero points above 2^112.
            if format == Format::INT4_ASYM {
                continue;
            }
            x[at] = (1e38 / largest).min(3e38);
            let y = gpu.matmul(&x, &weights).unwrap();
            let want = oracle(&w, &x, n, k);
            within_bound(&y, &want).unwrap_or_else(|e| panic!("{format}, m = {m}, huge: {e}"));
        }
    }
}

//! The rounding of x to bytes: its definition, the device's words against it, and the errors that it causes.

use super::oracle;
use crate::common::{Random, gpu, random_matrix};
use lowbit::{Format, Gpu, MatMul, Precision, wgpu};

/// x rounded by the definition.
pub struct Rounded {
    /// Rows padded to whole runs of 32.
    codes: Vec<i8>,
    scales: Vec<f32>,
}

/// How codes are rounded: other than to nearest only in mutants.
type Round = fn(f32) -> f32;

pub fn rounded(x: &[f32], k: usize, round: Round) -> Rounded {
    let mut r = Rounded {
        codes: vec![],
        scales: vec![],
    };
    for run in x.chunks(k).flat_map(|row| row.chunks(32)) {
        let top = run.iter().map(|x| x.to_bits() & 0x7fff_ffff).max().unwrap();
        let (mut scale, mut inverse) = (f32::from_bits(top), 0.0);
        let number = top < 0x7f80_0000;
        if number {
            scale *= 1.0f32 / 127.0;
            if scale < f32::MIN_POSITIVE {
                scale = 0.0;
            } else {
                inverse = 127.0 / f32::from_bits(top);
            }
        }
        let code = |x: &f32| {
            if number {
                round(x * inverse).clamp(-127.0, 127.0) as i8
            } else {
                0
            }
        };
        let mut codes: Vec<i8> = run.iter().map(code).collect();
        codes.resize(32, 0);
        r.codes.extend(codes);
        r.scales.push(scale);
    }
    r
}

impl Rounded {
    /// The words that the device stores: 12 for each run.
    fn words(&self) -> Vec<u32> {
        let mut words = vec![];
        for (codes, scale) in self.codes.chunks(32).zip(&self.scales) {
            words.extend(bytemuck::pod_collect_to_vec::<i8, u32>(codes));
            words.push(scale.to_bits());
            let sum = |codes: &[i8]| codes.iter().map(|&c| c as i32).sum::<i32>() as u32 & 0xffff;
            let sums: Vec<u32> = codes.chunks(8).map(sum).collect();
            words.extend([sums[0] | sums[1] << 16, sums[2] | sums[3] << 16, 0]);
        }
        words
    }

    /// The inputs that the codes stand for: m rows of k.
    pub fn values(&self, k: usize) -> Vec<f64> {
        let padded = k.next_multiple_of(32);
        let rows = self.codes.chunks(padded).zip(self.scales.chunks(padded / 32));
        rows.flat_map(|(codes, scales)| (0..k).map(|i| codes[i] as f64 * scales[i / 32] as f64))
            .collect()
    }
}

#[test]
fn rows_are_rounded_bit_for_bit() {
    // Products of one `Gpu` round into the same memory: this one has no others.
    let gpu = &Gpu::new().unwrap();
    let mut random = Random::new(1);
    for (m, k) in [(1, 1), (3, 75), (9, 320)] {
        let mut x = random.floats(m * k, 3.0);
        if m == 9 {
            let special = [
                f32::NAN,
                f32::INFINITY,
                f32::NEG_INFINITY,
                f32::MAX,
                f32::MIN_POSITIVE,
                1e-40,
                127.0 * f32::MIN_POSITIVE,
                1e-30,
            ];
            for (i, &s) in special.iter().enumerate() {
                x[32 * i + i] = s;
            }
            // The same values as the largest of a run of zeros.
            for (i, &s) in special.iter().enumerate() {
                x[k + 32 * i..k + 32 * (i + 1)].fill(0.0);
                x[k + 32 * i + 5] = s;
                x[k + 32 * i + 6] = -s / 2.0;
            }
            // Ties, to even both up and down.
            for i in 0..32 {
                x[2 * k + i] = i as f32 - 15.5;
            }
            x[2 * k] = 127.0;
            x[3 * k..4 * k].fill(0.0);
            x[4 * k..4 * k + 32].fill(-0.0);
        }
        let weights = gpu.upload(&random_matrix(Format::INT4, 2, k, 4)).unwrap();
        let product = MatMul::new(gpu, &weights, m, Precision::I8).unwrap();
        gpu::run(gpu, &x, 2 * m, |pass, x, y| product.encode(pass, x, y).unwrap());
        let got = read(gpu, lowbit::testing::rounded(&product).expect("integers are chosen"));
        let want = rounded(&x, k, f32::round_ties_even);
        assert_eq!(first_difference(&got, &want.words()), None, "m={m} k={k}");
        if m == 9 {
            let mutants: [Round; 3] = [f32::round, f32::trunc, f32::ceil];
            for mutant in mutants {
                let want = rounded(&x, k, mutant).words();
                assert!(first_difference(&got, &want).is_some(), "not reported");
            }
        }
    }
}

/// The first difference between words: index, got, wanted.
fn first_difference(got: &[u32], want: &[u32]) -> Option<(usize, u32, u32)> {
    assert_eq!(got.len(), want.len());
    let at = got.iter().zip(want).position(|(a, b)| a != b)?;
    Some((at, got[at], want[at]))
}

fn read(gpu: &Gpu, buffer: &wgpu::Buffer) -> Vec<u32> {
    let back = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: buffer.size(),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &back, 0, buffer.size());
    gpu.queue().submit([encoder.finish()]);
    back.slice(..).map_async(wgpu::MapMode::Read, |r| r.unwrap());
    let device = gpu.device();
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();

    bytemuck::pod_collect_to_vec(&back.slice(..).get_mapped_range().unwrap())
}

/// The error against the product of unrounded inputs equals the one that rounding to 8 bits predicts.
#[test]
fn errors_are_those_of_rounding() {
    let gpu = gpu::gpu();
    let mut random = Random::new(5);
    let (m, n, k) = (4, 96, 1024);
    let matrix = random_matrix(Format::Q4_0, n, k, 6);
    let weights = gpu.upload(&matrix).unwrap();
    let x = random.floats(m * k, 2.0);
    let y = gpu.matmul_with(&x, &weights, Precision::I8).unwrap();
    let w = matrix.dequantize();
    let exact: Vec<f64> = x.iter().map(|&x| x as f64).collect();
    let want = oracle(&w, &exact, k);
    let scales = rounded(&x, k, f32::round_ties_even).scales;
    // Each input's error has the variance of a uniform distribution over one step.
    let (mut got, mut expected, mut size) = (0f64, 0f64, 0f64);
    for (i, (y, want)) in y.iter().zip(&want).enumerate() {
        got += (*y as f64 - want.0).powi(2);
        size += want.0.powi(2);
        let scales = &scales[i / n * (k / 32)..];
        for (j, w) in w[i % n * k..][..k].iter().enumerate() {
            expected += (*w as f64 * scales[j / 32] as f64).powi(2) / 12.0;
        }
    }
    let ratio = (got / expected).sqrt();
    println!(
        "error of I8: {:.2e} of the outputs, {ratio:.3} of what rounding explains",
        (got / size).sqrt()
    );
    assert!(ratio > 0.9 && ratio < 1.1);
}

//! What stands between the products of a layer: kernels against their twins on the processor, twins against f64.
#![cfg(feature = "gpu")]

mod common;

use common::gpu::{gpu, run_bytes, run_with};
use lowbit::layer::{GpuTopK, Norm, Router, Scoring, top_k};
use lowbit::random::SplitMix64;
use lowbit::wgpu::{Buffer, BufferSlice, ComputePass};
use lowbit::{DeviceClass, Error, Gpu};

fn normals(count: usize, random: &mut SplitMix64) -> Vec<f32> {
    (0..count).map(|_| random.normal() as f32).collect()
}

/// The device as it is, and as the other class.
fn classes() -> [Gpu; 2] {
    [DeviceClass::Cpu, DeviceClass::Gpu].map(|class| gpu().with_class(class))
}

/// Rows of small and huge numbers, of one number, with a large mean; on both sides of a workgroup's size.
#[test]
fn rows_are_normalized() {
    let mut random = SplitMix64::new(1);
    for (size, rows) in [(1, 3), (31, 5), (576, 4), (1000, 2), (4099, 2)] {
        let (weight, bias) = (normals(size, &mut random), normals(size, &mut random));
        let mut x = normals(rows * size, &mut random);
        x[..size].iter_mut().for_each(|x| *x *= 1e-4);
        x[size..2 * size].iter_mut().for_each(|x| *x = *x * 100.0 + 300.0);
        let residual = normals(rows * size, &mut random);
        for norm in [
            Norm::rms(weight.clone(), 1e-5).unwrap(),
            Norm::layer(weight.clone(), bias.clone(), 1e-5).unwrap(),
        ] {
            let want = norm.apply(&x).unwrap();
            let sum: Vec<f32> = x.iter().zip(&residual).map(|(x, r)| x + r).collect();
            let want_of_sum = norm.apply(&sum).unwrap();
            let near = |y: &[f32], want: &[f32], x: &[f32]| {
                for (i, (y, want)) in y.iter().zip(want).enumerate() {
                    // The mean of a row is off by roundings of its largest number.
                    let row = &x[i / size * size..][..size];
                    let largest = row.iter().fold(0f32, |a, x| a.max(x.abs()));
                    let mean = row.iter().sum::<f32>() / size as f32;
                    let spread = (row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / size as f32 + 1e-5).sqrt();
                    let bound = 4e-6 * want.abs() + 1e-6 * largest / spread * weight[i % size].abs() + 1e-6;
                    assert!(
                        (y - want).abs() <= bound,
                        "{norm:?}: number {i} is {y}, should be {want}"
                    );
                }
            };
            for gpu in classes() {
                let on_device = gpu.upload_norm(&norm).unwrap();
                let y = run_with(&gpu, &[bytemuck::cast_slice(&x)], rows * size, |pass, buffers, y| {
                    on_device.encode(pass, buffers[0].slice(..), y, rows).unwrap();
                });
                near(&y.unwrap(), &want, &x);
                // The sum stays in x.
                let inputs: [&[u8]; 2] = [bytemuck::cast_slice(&x), bytemuck::cast_slice(&residual)];
                let adding = |pass: &mut ComputePass, buffers: &[Buffer], y: BufferSlice| {
                    let [x, residual] = [0, 1].map(|i| buffers[i].slice(..));
                    on_device.encode_adding(pass, x, residual, y, rows).unwrap();
                };
                let y = run_with(&gpu, &inputs, rows * size, adding).unwrap();
                near(&y, &want_of_sum, &sum);
                let twice = run_with(&gpu, &inputs, rows * size, |pass, buffers, y| {
                    adding(pass, buffers, y);
                    on_device.encode(pass, buffers[0].slice(..), y, rows).unwrap();
                });
                near(&twice.unwrap(), &want_of_sum, &sum);
            }
        }
    }
}

/// A twin against its formula in f64, and what must not pass for it.
#[test]
fn norms_are_their_formulas() {
    let x = [3.0f32, -1.0, 2.0, 0.5, 10.0, 10.0, 10.0, 10.0];
    let weight = vec![1.0, 2.0, -1.0, 0.5];
    let rms = Norm::rms(weight.clone(), 0.5).unwrap().apply(&x).unwrap();
    let inverse = 1.0 / ((9.0 + 1.0 + 4.0 + 0.25) / 4.0 + 0.5f64).sqrt();
    assert!((f64::from(rms[1]) - -2.0 * inverse).abs() < 1e-6);
    let layer = Norm::layer(weight, vec![0.25; 4], 0.5).unwrap().apply(&x).unwrap();
    let variance = [1.875f64, -2.125, 0.875, -0.625].map(|d| d * d).iter().sum::<f64>() / 4.0;
    assert!((f64::from(layer[0]) - (1.875 / (variance + 0.5).sqrt() + 0.25)).abs() < 1e-6);
    assert_eq!(layer[4..], [0.25; 4]);
    assert!(matches!(Norm::rms(vec![], 0.1), Err(Error::Empty { .. })));
    assert!(matches!(Norm::rms(vec![1.0], -0.1), Err(Error::Argument { .. })));
    assert!(matches!(Norm::rms(vec![f32::NAN], 0.1), Err(Error::NotFinite { .. })));
    assert!(matches!(Norm::layer(vec![1.0], vec![], 0.1), Err(Error::Length { .. })));
    assert!(matches!(
        Norm::rms(vec![1.0; 3], 0.1).unwrap().apply(&[1.0; 4]),
        Err(Error::Inputs { .. })
    ));
}

/// Equal numbers, infinities, NaN, zeros of both signs, all of a row wanted.
#[test]
fn the_largest_are_found() {
    let mut random = SplitMix64::new(2);
    for (n, k) in [(1, 1), (7, 7), (300, 5), (5003, 40)] {
        let mut x = normals(4 * n, &mut random);
        x[n..2 * n].iter_mut().for_each(|x| *x = x.round());
        if n > 6 {
            x[2 * n..2 * n + 4].copy_from_slice(&[f32::INFINITY, 0.0, -0.0, f32::NEG_INFINITY]);
            x[3 * n + 5] = f32::NAN;
        }
        let (values, ids) = top_k(&x, n, k).unwrap();
        for gpu in classes() {
            let kernel = GpuTopK::new(&gpu, n, k).unwrap();
            let both = run_bytes(
                &gpu,
                &[bytemuck::cast_slice(&x), &vec![0; 4 * 4 * k]],
                &[],
                16 * k,
                |pass, buffers, y| {
                    kernel
                        .encode(pass, buffers[0].slice(..), buffers[1].slice(..), y, 4)
                        .unwrap();
                },
            );
            assert_eq!(bytemuck::pod_collect_to_vec::<u8, u32>(&both), ids, "{n}, {k}");
            let got = run_with(
                &gpu,
                &[bytemuck::cast_slice(&x), &vec![0; 16 * k]],
                4 * k,
                |pass, buffers, y| {
                    kernel
                        .encode(pass, buffers[0].slice(..), y, buffers[1].slice(..), 4)
                        .unwrap();
                },
            );
            let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&got.unwrap()), bits(&values), "{n}, {k}");
        }
        // The twin against a plain sort.
        for (row, x) in x.chunks_exact(n).enumerate().take(2) {
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|a, b| x[*b].partial_cmp(&x[*a]).unwrap());
            let want: Vec<f32> = order.iter().take(k).map(|i| x[*i]).collect();
            assert_eq!(values[row * k..][..k], want);
        }
    }
    assert_eq!(top_k(&[1.0, f32::NAN, 3.0, 3.0], 4, 3).unwrap().1, [1, 2, 3]);
    assert!(matches!(top_k(&[1.0], 1, 2), Err(Error::Argument { .. })));
    assert!(matches!(GpuTopK::new(gpu(), 4, 0), Err(Error::Argument { .. })));
}

#[test]
fn experts_are_chosen() {
    let mut random = SplitMix64::new(3);
    let bias = normals(60, &mut random);
    for router in [
        Router::new(8, 2),
        Router::new(60, 4).with_normalized(false),
        Router::new(60, 6)
            .with_scoring(Scoring::Sigmoid)
            .with_bias(bias)
            .with_scale(2.5),
        Router::new(1, 1),
    ] {
        let rows = 9;
        let mut logits = normals(rows * router.experts, &mut random);
        logits.iter_mut().for_each(|l| *l *= 4.0);
        logits[0] = 200.0;
        let (ids, weights) = router.route(&logits).unwrap();
        if router.normalized {
            for weights in weights.chunks_exact(router.per_token) {
                assert!((weights.iter().sum::<f32>() - router.scale).abs() < 1e-5);
            }
        }
        for gpu in classes() {
            let on_device = gpu.upload_router(&router).unwrap();
            let count = rows * router.per_token;
            let inputs: [&[u8]; 2] = [bytemuck::cast_slice(&logits), &vec![0; 4 * count]];
            let got = run_bytes(&gpu, &inputs, &[], 4 * count, |pass, buffers, y| {
                let [logits, weights] = [0, 1].map(|i| buffers[i].slice(..));
                on_device.encode(pass, logits, y, weights, rows).unwrap();
            });
            assert_eq!(bytemuck::pod_collect_to_vec::<u8, u32>(&got), ids, "{router:?}");
            let got = run_with(&gpu, &inputs, count, |pass, buffers, y| {
                let [logits, ids] = [0, 1].map(|i| buffers[i].slice(..));
                on_device.encode(pass, logits, ids, y, rows).unwrap();
            });
            for (got, want) in got.unwrap().iter().zip(&weights) {
                assert!(
                    (got - want).abs() <= 2e-5 * want.abs() + 1e-30,
                    "{router:?}: {got}, should be {want}"
                );
            }
        }
    }
    assert!(matches!(
        Router::new(4, 5).route(&[0.0; 4]),
        Err(Error::Argument { .. })
    ));
    assert!(matches!(
        Router::new(4, 2).with_bias(vec![0.0]).route(&[0.0; 4]),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        gpu().upload_router(&Router::new(4000, 2)),
        Err(Error::Argument { .. })
    ));
}

#[test]
fn what_cannot_be_is_refused() {
    let gpu = gpu();
    let norm = gpu.upload_norm(&Norm::rms(vec![1.0; 8], 1e-5).unwrap()).unwrap();
    let top = GpuTopK::new(gpu, 8, 2).unwrap();
    let nothing = run_with(gpu, &[&[0; 64], &[0; 64]], 16, |pass, buffers, y| {
        let [x, other] = [0, 1].map(|i| buffers[i].slice(..));
        assert!(matches!(norm.encode(pass, x, x, 2), Err(Error::Aliased(..))));
        assert!(matches!(norm.encode(pass, x, y, 3), Err(Error::Binding { .. })));
        assert!(matches!(norm.encode_adding(pass, x, x, y, 2), Err(Error::Aliased(..))));
        assert!(matches!(norm.encode(pass, x, y, 1 << 20), Err(Error::TooLarge { .. })));
        assert!(matches!(top.encode(pass, x, other, other, 1), Err(Error::Aliased(..))));
        norm.encode(pass, x, y, 0).unwrap();
    });
    assert!(nothing.is_err(), "nothing was recorded");
}

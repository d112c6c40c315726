//! Caches of keys and values on the device: words against those of the CPU, scores and sums against those of the same
//! packed vectors in f64.
#![cfg(feature = "gpu")]

mod common;

use common::gpu::{gpu, run_with};
use lowbit::kv::{GpuKv, Kv, KvCodec, KvOptions, KvRotation, KvType, Side};
use lowbit::random::SplitMix64;
use lowbit::wgpu::{self, BufferUsages, util::DeviceExt};
use lowbit::{Error, Gpu};

/// Every type, rotation and number of bits; d a power of two or 4 · 20; even and odd numbers of blocks.
fn types() -> Vec<KvOptions> {
    let mut all = Vec::new();
    for kind in [KvType::F16, KvType::Q8_0, KvType::Q4_0] {
        all.push(KvOptions::new(kind, 96));
        all.push(KvOptions::new(kind, 64).with_rotation(KvRotation::Hadamard));
    }
    for bits in 1..=4 {
        let (mse, prod) = (KvType::TurboMse { bits }, KvType::TurboProd { bits });
        all.push(KvOptions::new(mse, 80).with_seed(bits.into()));
        all.push(KvOptions::new(prod, 80).with_seed(bits.into()));
    }
    let (mse, prod) = (KvType::TurboMse { bits: 3 }, KvType::TurboProd { bits: 3 });
    all.push(KvOptions::new(mse, 128));
    all.push(KvOptions::new(prod, 128));
    all.push(KvOptions::new(mse, 20).with_rotation(KvRotation::Haar));
    all.push(KvOptions::new(prod, 256).with_rotation(KvRotation::Haar));
    all.push(KvOptions::new(mse, 1024));
    all.push(KvOptions::new(mse, 44).with_rotation(KvRotation::None));
    all
}

fn kivi(side: Side, bits: u32, group: usize, residual: usize) -> KvType {
    KvType::Kivi {
        bits,
        group,
        residual,
        side,
    }
}

fn normals(count: usize, seed: u64) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.normal() as f32).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| *a as f64 * *b as f64).sum()
}

fn storage(gpu: &Gpu, floats: &[f32]) -> wgpu::Buffer {
    gpu.device().create_buffer_init(&wgpu::util::BufferInitDescriptor {
        label: None,
        contents: bytemuck::cast_slice(floats),
        usage: BufferUsages::STORAGE,
    })
}

/// Runs what `record` records, in one pass and one submission.
fn submit(gpu: &Gpu, record: impl FnOnce(&mut wgpu::ComputePass)) {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    record(&mut encoder.begin_compute_pass(&Default::default()));
    gpu.queue().submit([encoder.finish()]);
}

/// The packed vectors.
fn words(gpu: &Gpu, kv: &GpuKv) -> Vec<u32> {
    let size = 4 * (kv.len() * kv.row_words().unwrap()) as u64;
    let back = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size,
        usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(kv.buffer(), 0, &back, 0, size);
    gpu.queue().submit([encoder.finish()]);
    back.slice(..).map_async(wgpu::MapMode::Read, |r| r.unwrap());
    gpu.device().poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let view = back.slice(..).get_mapped_range().unwrap();
    bytemuck::pod_collect_to_vec(&view)
}

/// Appends `rows` in runs of 1, 40 and the rest, in one pass.
fn appended(gpu: &Gpu, kv: &mut GpuKv, rows: &[f32]) {
    let d = kv.codec().d();
    let (first, rest) = rows.split_at(d.min(rows.len()));
    let (second, third) = rest.split_at((40 * d).min(rest.len()));
    let runs = [first, second, third].map(|run| (run.len() / d, storage(gpu, &[run, &[0.0]].concat())));
    submit(gpu, |pass| {
        for (count, run) in &runs {
            kv.append(pass, run.slice(..), *count).unwrap();
        }
    });
    assert_eq!(kv.len(), rows.len() / d);
}

/// Whether the device packed as the CPU did. Norms are summed in another order and may differ by a few units in the
/// last place. So do the numbers that codes are chosen by: about one code in a hundred thousand may fall on the other
/// side of its boundary, where both codes are equally good. So may the result of a division, for which WGSL allows an
/// error of 2.5 units. Returns the number of bits that differ.
fn same_words(options: KvOptions, got: &[u32], want: &[u32], row: usize) -> Result<u32, String> {
    if got.len() != want.len() {
        return Err(format!("{} words, should be {}", got.len(), want.len()));
    }
    let norms = match options.kind {
        KvType::TurboMse { .. } => 1,
        KvType::TurboProd { .. } => 2,
        _ => 0,
    };
    let mut bits = 0;
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        if i % row < norms {
            let (got, want) = (f32::from_bits(*got), f32::from_bits(*want));
            // A code on the other side also changes the residual's norm by less than this.
            if !((got - want).abs() <= 2e-6 * want.abs()) {
                return Err(format!("norm {} of row {} is {got:e}, not {want:e}", i % row, i / row));
            }
        } else {
            bits += (got ^ want).count_ones();
        }
    }
    let limit = 2 + got.len() as u32 * 32 / 20_000;
    if bits > limit {
        return Err(format!("{bits} bits of codes differ, at most {limit} may"));
    }
    Ok(bits)
}

#[test]
fn rows_are_packed_as_the_processor_packs_them() {
    let gpu = gpu();
    let (mut rows_seen, mut bits_seen) = (0, 0);
    for options in types() {
        let codec = KvCodec::new(options).unwrap();
        let d = codec.d();
        let mut rows = normals(130 * d, 21);
        // Blocks of zeros, and sizes far from 1: with 2^-13, Q4_0's scales include subnormal halves.
        rows[3 * d..4 * d].fill(0.0);
        rows[5 * d..6 * d].iter_mut().for_each(|x| *x *= 2f32.powi(-13));
        rows[6 * d..7 * d].iter_mut().for_each(|x| *x *= 1000.0);
        let mut want = Kv::new(&codec);
        want.append(&rows).unwrap();
        let mut kv = GpuKv::new(gpu, &codec, 130, 1).unwrap();
        appended(gpu, &mut kv, &rows);
        let got = words(gpu, &kv);
        let bits = same_words(options, &got, want.words(), kv.row_words().unwrap());
        bits_seen += bits.unwrap_or_else(|e| panic!("{options:?}: {e}"));
        rows_seen += kv.len();

        // Rows in other places must be reported.
        let mut other = Kv::new(&codec);
        rows.rotate_right(d);
        other.append(&rows).unwrap();
        assert!(same_words(options, &got, other.words(), kv.row_words().unwrap()).is_err());
    }
    assert_eq!(rows_seen, 130 * types().len());
    println!("{bits_seen} bits of codes differ in {rows_seen} rows");
}

/// Scores and sums of m rows over a cache of these vectors, in the same pass as the append.
fn outputs(gpu: &Gpu, codec: &KvCodec, rows: &[f32], q: &[f32], p: &[f32]) -> [Vec<f32>; 2] {
    let (d, len) = (codec.d(), rows.len() / codec.d());
    let m = q.len() / d;
    let mut kv = GpuKv::new(gpu, codec, len + 9, m).unwrap();
    let inputs: [&[u8]; 2] = [bytemuck::cast_slice(rows), bytemuck::cast_slice(q)];
    let scores = run_with(gpu, &inputs, m * len, |pass, inputs, y| {
        kv.append(pass, inputs[0].slice(..), len).unwrap();
        kv.scores(pass, inputs[1].slice(..), m, y).unwrap();
    });
    let sums = run_with(gpu, &[bytemuck::cast_slice(p)], m * d, |pass, inputs, y| {
        kv.weighted_sum(pass, inputs[0].slice(..), m, y).unwrap();
    });
    [scores.unwrap(), sums.unwrap()]
}

/// Whether scores and sums match `kv` within rounding. Rotations and projections in f32 spread their errors over a
/// vector, so errors are measured relative to norms.
fn check(kv: &Kv, q: &[f32], p: &[f32], [scores, sums]: &[Vec<f32>; 2]) -> Result<(), String> {
    let (d, len) = (kv.codec().d(), kv.len());
    let size = |v: &[f32]| dot(v, v).sqrt();
    let norms: Vec<f64> = kv.dequantize().chunks(d).map(size).collect();
    let want = kv.scores(q).unwrap();
    for (i, (got, want)) in scores.iter().zip(&want).enumerate() {
        let bound = 2e-6 * size(&q[i / len * d..(i / len + 1) * d]) * norms[i % len];
        if !((got - want).abs() as f64 <= bound) {
            return Err(format!("score {i} is {got:e}, should be {want:e}"));
        }
    }
    let want = kv.weighted_sum(p).unwrap();
    for (i, (got, want)) in sums.iter().zip(&want).enumerate() {
        let p = &p[i / d * len..(i / d + 1) * len];
        let scale: f64 = p.iter().zip(&norms).map(|(p, n)| p.abs() as f64 * n).sum();
        if !((got - want).abs() as f64 <= 1e-6 * scale) {
            return Err(format!("sum {i} is {got:e}, should be {want:e} of {scale:e}"));
        }
    }
    Ok(())
}

#[test]
fn scores_and_sums_are_those_of_the_packed_vectors() {
    let gpu = gpu();
    for options in types() {
        let codec = KvCodec::new(options).unwrap();
        let d = codec.d();
        for (len, m) in [(1, 1), (64, 2), (150, 3)] {
            let (rows, q, p) = (normals(len * d, 31), normals(m * d, 32), normals(m * len, 33));
            let mut device = GpuKv::new(gpu, &codec, len, 1).unwrap();
            appended(gpu, &mut device, &rows);
            let kv = Kv::from_words(&codec, &words(gpu, &device)).unwrap();
            let got = outputs(gpu, &codec, &rows, &q, &p);
            check(&kv, &q, &p, &got).unwrap_or_else(|e| panic!("{options:?}, {len}, {m}: {e}"));
            if len == 150 {
                mutants(&codec, &kv, &rows, &q, &p, got);
            }
        }
    }
}

/// Must report the output of a broken kernel: a missing vector, one wrong code, a query of another rotation, a NaN.
fn mutants(codec: &KvCodec, kv: &Kv, rows: &[f32], q: &[f32], p: &[f32], got: [Vec<f32>; 2]) {
    let (d, gpu) = (codec.d(), gpu());
    let mut less = p.to_vec();
    less[149] = 0.0;
    assert!(check(kv, q, p, &outputs(gpu, codec, rows, q, &less)).is_err());
    let mut bent = kv.words().to_vec();
    let last = bent.len() - kv.words().len() / 150 + 2;
    bent[last] ^= 1 << 3;
    let bent = Kv::from_words(codec, &bent).unwrap();
    assert!(check(&bent, q, p, &got).is_err());
    if codec.options().rotation != KvRotation::None {
        let other = KvCodec::new(codec.options().with_seed(99)).unwrap();
        let other = Kv::from_words(&other, kv.words()).unwrap();
        assert!(check(&other, q, p, &got).is_err());
    }
    let mut nan = got;
    nan[1][d] = f32::NAN;
    assert!(check(kv, q, p, &nan).is_err());
}

/// KIVI packs tokens together, so its vectors are compared through sums with one weight of 1. Codes and scales equal
/// the CPU's; code · scale + minimum may be rounded once instead of twice.
#[test]
fn kivi_is_that_of_the_processor() {
    let gpu = gpu();
    for (kind, d) in [
        (kivi(Side::Keys, 2, 32, 32), 64),
        (kivi(Side::Keys, 3, 24, 48), 20),
        (kivi(Side::Values, 2, 32, 32), 64),
        (kivi(Side::Values, 4, 16, 60), 48),
        (kivi(Side::Values, 5, 6, 7), 36),
    ] {
        let codec = KvCodec::new(KvOptions::new(kind, d)).unwrap();
        for len in [5, 96, 130] {
            let rows = normals(len * d, 51);
            let mut want = Kv::new(&codec);
            want.append(&rows).unwrap();
            let mut kv = GpuKv::new(gpu, &codec, len, len).unwrap();
            appended(gpu, &mut kv, &rows);
            let mut one_each = vec![0.0f32; len * len];
            (0..len).for_each(|t| one_each[t * len + t] = 1.0);
            let weights: [&[u8]; 1] = [bytemuck::cast_slice(&one_each)];
            let got = run_with(gpu, &weights, len * d, |pass, inputs, y| {
                kv.weighted_sum(pass, inputs[0].slice(..), len, y).unwrap();
            });
            let off = |got: &[f32], want: &[f32]| {
                let far = |(g, w): (&f32, &f32)| !((g - w).abs() <= 1e-6 * (1.0 + w.abs()));
                got.iter().zip(want).filter(|&p| far(p)).count()
            };
            let got = got.unwrap();
            assert_eq!(off(&got, &want.dequantize()), 0, "{kind:?}, {len} tokens");
            // The test would report another window length.
            if len == 96 {
                let longer = match kind {
                    KvType::Kivi {
                        bits,
                        group,
                        residual,
                        side,
                    } => kivi(side, bits, group, 4 * residual),
                    other => other,
                };
                let codec = KvCodec::new(KvOptions::new(longer, d)).unwrap();
                let mut other = Kv::new(&codec);
                other.append(&rows).unwrap();
                assert!(off(&got, &other.dequantize()) > 0);
            }

            let (q, p) = (normals(2 * d, 52), normals(2 * len, 53));
            let got = outputs(gpu, &codec, &rows, &q, &p);
            check(&want, &q, &p, &got).unwrap_or_else(|e| panic!("{kind:?}, {len}: {e}"));
        }
    }
}

/// Token by token, as a model runs: each step appends, scores and sums in the same pass, and the device keeps count.
#[test]
fn steps_share_a_pass_and_a_cache_is_used_again() {
    let gpu = gpu();
    let codec = KvCodec::new(KvOptions::new(KvType::TurboMse { bits: 4 }, 64)).unwrap();
    let (d, len) = (64, 66);
    let rows = normals(len * d, 41);
    let mut kv = GpuKv::new(gpu, &codec, len, 1).unwrap();
    for _ in 0..2 {
        let buffers: Vec<_> = rows.chunks(d).map(|row| storage(gpu, row)).collect();
        let q = normals(d, 42);
        let scratch = storage(gpu, &vec![0.0; len]);
        let scores = run_with(gpu, &[bytemuck::cast_slice(&q)], len, |pass, inputs, y| {
            let q = inputs[0].slice(..);
            for row in &buffers {
                kv.append(pass, row.slice(..), 1).unwrap();
                let y = if kv.len() == len { y } else { scratch.slice(..) };
                kv.scores(pass, q, 1, y).unwrap();
            }
        });
        let mut want = Kv::new(&codec);
        want.append(&rows).unwrap();
        let bits = same_words(codec.options(), &words(gpu, &kv), want.words(), kv.row_words().unwrap());
        bits.unwrap();
        let on_host = Kv::from_words(&codec, &words(gpu, &kv)).unwrap();
        let p = normals(len, 43);
        let sums = on_host.weighted_sum(&p).unwrap();
        check(&on_host, &q, &p, &[scores.unwrap(), sums]).unwrap();
        submit(gpu, |pass| kv.clear(pass).unwrap());
        assert!(kv.is_empty());
    }
}

#[test]
fn wrong_arguments_are_errors_and_record_nothing() {
    let gpu = gpu();
    let codec = |kind, d| KvCodec::new(KvOptions::new(kind, d)).unwrap();
    let refused = |codec: &KvCodec, capacity, queries, numbers: [&str; 2]| {
        let text = GpuKv::new(gpu, codec, capacity, queries).unwrap_err().to_string();
        assert!(numbers.iter().all(|n| text.contains(n)), "{text}");
    };
    refused(&codec(KvType::F16, 6), 8, 1, ["multiple of 4", "6"]);
    refused(&codec(KvType::F16, 2048), 8, 1, ["1024", "2048"]);
    refused(&codec(KvType::F16, 64), 0, 1, ["1 to", "0"]);
    refused(&codec(KvType::F16, 64), 8, 0, ["1 to", "0"]);
    refused(&codec(KvType::F16, 64), 8, 70_000, ["65535", "70000"]);
    let kivi = KvOptions::new(kivi(Side::Keys, 2, 32, 128), 64).with_rotation(KvRotation::Haar);
    refused(&KvCodec::new(kivi).unwrap(), 8, 1, ["none", "Haar"]);

    let codec = codec(KvType::Q8_0, 64);
    let mut kv = GpuKv::new(gpu, &codec, 4, 2).unwrap();
    let (x, y) = (storage(gpu, &[1.0; 256]), storage(gpu, &[0.0; 256]));
    submit(gpu, |pass| {
        let error = kv.append(pass, x.slice(..), 5).unwrap_err();
        assert!(
            matches!(
                error,
                Error::TooLarge {
                    needed: 5,
                    limit: 4,
                    ..
                }
            ),
            "{error}"
        );
        let error = kv.append(pass, x.slice(..512), 3).unwrap_err().to_string();
        assert!(error.contains("768") && error.contains("512"), "{error}");
        let error = kv.weighted_sum(pass, x.slice(..), 1, y.slice(..));
        assert!(error.is_err(), "nothing is cached");
        assert_eq!(kv.len(), 0);
        kv.append(pass, x.slice(..), 3).unwrap();
        let error = kv.scores(pass, x.slice(..), 3, y.slice(..)).unwrap_err();
        assert!(
            matches!(
                error,
                Error::TooLarge {
                    needed: 3,
                    limit: 2,
                    ..
                }
            ),
            "{error}"
        );
        let error = kv.scores(pass, x.slice(..), 2, y.slice(..16)).unwrap_err();
        assert!(error.to_string().contains("24"), "{error}");
        let error = kv.scores(pass, x.slice(..), 1, x.slice(..)).unwrap_err();
        assert!(matches!(error, Error::Aliased("q", "y")), "{error}");
    });
    assert_eq!(kv.len(), 3);
}

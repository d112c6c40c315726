//! Caches of keys and values on the CPU: the figures of TurboQuant's paper, the encoders of the formats, KIVI against a
//! plain copy of its algorithm, and scores and sums against the decoded vectors.

#[path = "kv/turboquant.rs"]
mod turboquant;

use half::f16;
use lowbit::kv::{Kv, KvCodec, KvOptions, KvRotation, KvType, Side};
use lowbit::random::SplitMix64;
use lowbit::{Dense, Format, Matrix};

fn kivi(side: Side, bits: u32, group: usize, residual: usize) -> KvType {
    KvType::Kivi {
        bits,
        group,
        residual,
        side,
    }
}

/// Every type, with a d that it supports.
fn types() -> Vec<KvOptions> {
    let mut all = Vec::new();
    for d in [32, 64, 128] {
        for kind in [KvType::F16, KvType::Q8_0, KvType::Q4_0] {
            all.push(KvOptions::new(kind, d));
            all.push(KvOptions::new(kind, d).with_rotation(KvRotation::Hadamard));
        }
    }
    for d in [8, 20, 48, 80, 128] {
        for bits in 1..=4 {
            for kind in [KvType::TurboMse { bits }, KvType::TurboProd { bits }] {
                all.push(KvOptions::new(kind, d));
                all.push(KvOptions::new(kind, d).with_rotation(KvRotation::Haar));
            }
        }
        for bits in [2, 3, 4] {
            all.push(KvOptions::new(kivi(Side::Keys, bits, 16, 32), d));
            all.push(KvOptions::new(kivi(Side::Values, bits, 4, 24), d));
        }
    }
    all
}

fn normals(count: usize, seed: u64) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.normal() as f32).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| *a as f64 * *b as f64).sum()
}

fn cached(options: KvOptions, rows: &[f32]) -> Kv {
    let mut kv = Kv::new(&KvCodec::new(options).unwrap());
    kv.append(rows).unwrap();
    kv
}

/// Mean over rows of the squared error, and its standard error.
fn square_error(rows: &[f32], decoded: &[f32], d: usize) -> (f64, f64) {
    assert_eq!(rows.len(), decoded.len());
    let errors = rows.chunks(d).zip(decoded.chunks(d)).map(|(x, y)| {
        let error: Vec<f32> = x.iter().zip(y).map(|(x, y)| x - y).collect();
        dot(&error, &error)
    });
    mean(&errors.collect::<Vec<_>>())
}

fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

#[test]
fn blocks_are_those_of_the_formats() {
    for d in [32, 96, 128] {
        let rows = normals(9 * d, 4);
        for (kind, format) in [(KvType::Q8_0, Format::Q8_0), (KvType::Q4_0, Format::Q4_0)] {
            let matrix = Matrix::quantize(format, Dense::new(9, d, &rows).unwrap()).unwrap();
            let kv = cached(KvOptions::new(kind, d), &rows);
            assert_eq!(kv.dequantize(), matrix.dequantize(), "{format}");
        }
        let halves: Vec<f32> = rows.iter().map(|x| f16::from_f32(*x).to_f32()).collect();
        let kv = cached(KvOptions::new(KvType::F16, d), &rows);
        assert_eq!(kv.dequantize(), halves);
    }
}

/// Scores and sums match the decoded vectors. They are summed in f64, but queries and vectors are rotated in f32, whose
/// errors spread over a vector, so errors are measured relative to norms.
#[test]
fn scores_and_sums_are_those_of_the_decoded_vectors() {
    let size = |v: &[f32]| dot(v, v).sqrt();
    let mut checked = 0;
    for options in types() {
        let (d, m) = (options.d, 3);
        for len in [1, 33, 300] {
            let kv = cached(options, &normals(len * d, 8));
            assert_eq!(kv.len(), len);
            let decoded = kv.dequantize();
            let q = normals(m * d, 9);
            let scores = kv.scores(&q).unwrap();
            assert_eq!(scores.len(), m * len);
            // A projection by S scales errors by its norm, at most slightly over 2 √d, divided by √d of the factor.
            for (q, scores) in q.chunks(d).zip(scores.chunks(len)) {
                for (x, score) in decoded.chunks(d).zip(scores) {
                    let bound = 2e-6 * size(q) * size(x);
                    let error = (*score as f64 - dot(q, x)).abs();
                    assert!(error <= bound, "{options:?}: {error} over {bound}");
                }
            }
            let p = normals(m * len, 10);
            let y = kv.weighted_sum(&p).unwrap();
            assert_eq!(y.len(), m * d);
            for (p, y) in p.chunks(len).zip(y.chunks(d)) {
                let mut want = vec![0f64; d];
                let mut scale = 0.0;
                for (p, x) in p.iter().zip(decoded.chunks(d)) {
                    scale += p.abs() as f64 * size(x);
                    for (w, x) in want.iter_mut().zip(x) {
                        *w += *p as f64 * *x as f64;
                    }
                }
                for (y, want) in y.iter().zip(want) {
                    let error = (*y as f64 - want).abs();
                    assert!(error <= 2e-7 * scale, "{options:?}: {error} of {scale}");
                }
            }
            checked += 1;
        }
    }
    assert_eq!(checked, 3 * types().len());
}

/// Rows appended one by one, in odd runs or at once, on one thread or all, give the same bits.
#[test]
fn neither_runs_nor_threads_change_a_bit() {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let one = one.unwrap();
    for options in types() {
        let d = options.d;
        let rows = normals(70 * d, 12);
        let codec = KvCodec::new(options).unwrap();
        let all = |kv: &Kv| {
            let y = kv.weighted_sum(&normals(140, 13)).unwrap();
            (kv.dequantize(), kv.scores(&normals(2 * d, 14)).unwrap(), y)
        };
        let mut at_once = Kv::new(&codec);
        at_once.append(&rows).unwrap();
        let mut in_runs = Kv::new(&codec);
        for run in rows.chunks(7 * d) {
            in_runs.append(run).unwrap();
        }
        assert_eq!(at_once.words(), in_runs.words());
        assert_eq!(all(&at_once), all(&in_runs), "{options:?}");
        assert_eq!(all(&at_once), one.install(|| all(&in_runs)), "{options:?}");
    }
}

/// One group as KIVI packs it, from the definition: x ≈ round((x - min) / scale) · scale + min, f16 scale and min.
fn kivi_group(x: &[f32], bits: u32) -> Vec<f32> {
    let low = x.iter().copied().fold(f32::INFINITY, f32::min);
    let high = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let top = ((1 << bits) - 1) as f32;
    let scale = f16::from_f32((high - low) / top).to_f32();
    let low = f16::from_f32(low).to_f32();
    let code = |x: f32| {
        if scale == 0.0 {
            0.0
        } else {
            ((x - low) * (1.0 / scale)).round_ties_even().clamp(0.0, top)
        }
    };
    x.iter().map(|x| code(*x) * scale + low).collect()
}

#[test]
fn kivi_is_its_algorithm() {
    let d = 32;
    for (bits, group, residual, len) in [(2, 16, 32, 75), (4, 32, 32, 64), (3, 8, 24, 23)] {
        let rows: Vec<f32> = normals(len * d, 15)
            .iter()
            .map(|x| f16::from_f32(*x).to_f32())
            .collect();
        // Keys: full residuals are packed into codes, channel by channel.
        let keys = cached(KvOptions::new(kivi(Side::Keys, bits, group, residual), d), &rows);
        let mut want = rows.clone();
        let done = len / residual * residual;
        for first in (0..done).step_by(group) {
            for channel in 0..d {
                let at = |t: usize| (first + t) * d + channel;
                let x: Vec<f32> = (0..group).map(|t| rows[at(t)]).collect();
                for (t, x) in kivi_group(&x, bits).into_iter().enumerate() {
                    want[at(t)] = x;
                }
            }
        }
        assert_eq!(keys.dequantize(), want, "keys, {bits} bits");
        let stored = 32.0 * (done * d / group) as f64 * (1 + (group * bits as usize).div_ceil(32)) as f64
            + 16.0 * ((len - done) * d) as f64;
        assert_eq!(keys.bits_per_element(), stored / (len * d) as f64);

        // Values: all but the last `residual` tokens.
        let values = kivi(Side::Values, bits, group, residual);
        let values = cached(KvOptions::new(values, d), &rows);
        let mut want = rows.clone();
        for token in want.chunks_mut(d).take(len.saturating_sub(residual)) {
            for x in token.chunks_mut(group) {
                x.copy_from_slice(&kivi_group(x, bits));
            }
        }
        assert_eq!(values.dequantize(), want, "values, {bits} bits");
    }
}

/// Keys are packed by channel because some of their channels are large for every token.
#[test]
fn kivi_keys_stand_channels_of_different_size() {
    let (d, len) = (64, 256);
    let mut rows = normals(len * d, 16);
    for row in rows.chunks_mut(d) {
        row[3] += 30.0;
        row[40] -= 20.0;
    }
    let error = |side| {
        let kv = cached(KvOptions::new(kivi(side, 2, 32, 32), d), &rows);
        square_error(&rows, &kv.dequantize(), d).0
    };
    let (keys, values) = (error(Side::Keys), error(Side::Values));
    assert!(keys < 0.2 * values, "by channel {keys}, by token {values}");
}

#[test]
fn bits_are_counted_with_scales_and_norms() {
    let bits = |kind, d| KvCodec::new(KvOptions::new(kind, d)).unwrap().bits_per_element();
    assert_eq!(bits(KvType::F16, 128), 16.0);
    assert_eq!(bits(KvType::Q8_0, 128), 8.5);
    assert_eq!(bits(KvType::Q4_0, 64), 4.5);
    assert_eq!(bits(KvType::TurboMse { bits: 3 }, 128), 3.25);
    assert_eq!(bits(KvType::TurboProd { bits: 4 }, 128), 4.5);
    assert_eq!(bits(kivi(Side::Keys, 2, 32, 128), 128), 3.0);
    assert_eq!(bits(kivi(Side::Values, 4, 32, 128), 128), 5.0);
    let kv = cached(KvOptions::new(KvType::Q8_0, 64), &[1.0; 640]);
    assert_eq!(kv.bits_per_element(), 8.5);
}

#[test]
fn wrong_arguments_are_errors_with_both_numbers() {
    let refused = |options: KvOptions, numbers: [&str; 2]| {
        let text = KvCodec::new(options).unwrap_err().to_string();
        assert!(numbers.iter().all(|n| text.contains(n)), "{text}");
    };
    refused(KvOptions::new(KvType::Q8_0, 48), ["32", "48"]);
    refused(KvOptions::new(KvType::F16, 0), ["1", "0"]);
    refused(KvOptions::new(KvType::TurboMse { bits: 5 }, 64), ["4", "5"]);
    refused(KvOptions::new(KvType::TurboProd { bits: 0 }, 64), ["1", "0"]);
    refused(KvOptions::new(KvType::TurboMse { bits: 2 }, 4), ["8", "4"]);
    refused(KvOptions::new(KvType::TurboMse { bits: 2 }, 52), ["512", "52"]);
    refused(KvOptions::new(kivi(Side::Keys, 2, 32, 48), 64), ["48", "32"]);
    refused(KvOptions::new(kivi(Side::Values, 2, 32, 48), 80), ["80", "32"]);
    refused(KvOptions::new(kivi(Side::Values, 9, 32, 48), 64), ["8", "9"]);
    refused(KvOptions::new(kivi(Side::Values, 2, 32, 0), 64), ["1", "0"]);
    refused(KvOptions::new(kivi(Side::Keys, 2, 0, 32), 64), ["32", "0"]);

    let window = kivi(Side::Values, 2, 32, 65537);
    refused(KvOptions::new(window, 64), ["65536", "65537"]);

    let mut kv = cached(KvOptions::new(KvType::F16, 4), &[1.0; 8]);
    let before = kv.dequantize();
    assert!(kv.append(&[1.0; 6]).is_err());
    let mut bad = [1.0; 8];
    bad[6] = f32::NAN;
    let text = kv.append(&bad).unwrap_err().to_string();
    let told = text.contains("[1, 2]") && text.contains("cached vector");
    assert!(told && !text.contains("weight"), "{text}");
    bad[6] = 70000.0;
    let text = kv.append(&bad).unwrap_err().to_string();
    assert!(text.contains("65504") || text.contains("6.5504e4"), "{text}");
    assert_eq!(kv.dequantize(), before, "an append that fails changes nothing");
    assert!(kv.scores(&[1.0; 5]).is_err());
    assert!(kv.weighted_sum(&[1.0; 3]).is_err());
    let empty = Kv::new(kv.codec());
    assert!(empty.weighted_sum(&[]).is_err());
    assert!(empty.scores(&[1.0; 4]).unwrap().is_empty());
}

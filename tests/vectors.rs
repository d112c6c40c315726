//! Vector quantization, binary and ternary weights: against scalar optima, formulas, and brute force.

#[path = "vectors/binary.rs"]
mod binary;
#[path = "vectors/refused.rs"]
mod refused;
#[path = "vectors/ternary.rs"]
mod ternary;

use lowbit::quantize::codebook::{Density, lloyd_max};
use lowbit::quantize::vector::{Additive, Aqlm, KMeans, Residual, nearest, output_error};
use lowbit::random::SplitMix64;
use lowbit::{Dense, Error, Format, ScaleType};
use std::sync::Mutex;

fn gaussian(count: usize, seed: u64) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.normal() as f32).collect()
}

fn square_error(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| ((a - b) as f64).powi(2)).sum()
}

/// H = XXᵀ / m for `m` correlated inputs: a random walk along the k columns, some larger than others.
fn hessian(k: usize, m: usize, seed: u64) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    let mut h = vec![0f64; k * k];
    for _ in 0..m {
        let mut walk = 0.0;
        let x: Vec<f64> = (0..k)
            .map(|j| {
                walk = 0.8 * walk + random.normal();
                walk * if j % 11 == 0 { 4.0 } else { 1.0 }
            })
            .collect();
        for i in 0..k {
            for j in 0..k {
                h[i * k + j] += x[i] * x[j] / m as f64;
            }
        }
    }
    h.iter().map(|h| *h as f32).collect()
}

#[test]
fn pairs_beat_the_scalar_optimum() {
    // 16 entries for two weights, like 4 levels for each: 2 bits a weight.
    let train = gaussian(400_000, 1);
    let held_out = gaussian(400_000, 2);
    let clusters = KMeans::new(16, 2).fit(&train, None, &|_| ()).unwrap();
    let (_, error) = nearest(&clusters.centroids, 2, &held_out, None).unwrap();
    let mse = error / held_out.len() as f64;
    let scalar = lloyd_max(Density::Normal, 2).unwrap().mse;
    println!("N(0, 1) at 2 bits: pairs {mse:.5}, scalars {scalar:.5}");
    // The standard error of both figures is about 0.0004; the gain is ten times that.
    assert!(mse < scalar - 0.004, "{mse} {scalar}");
    // No quantizer is better than the rate-distortion bound 2^(-2R).
    assert!(mse > 1.0 / 16.0, "{mse}");
    let trained = clusters.error / train.len() as f64;
    assert!((mse / trained - 1.0).abs() < 0.01, "{mse} {trained}");
}

#[test]
fn k_means_finds_what_brute_force_finds() {
    // Well-separated clusters, which k-means++ cannot miss: centroids are their weighted means.
    let mut random = SplitMix64::new(3);
    let (count, d) = (600, 3);
    let centre = |c: usize, j: usize| 50.0 * ((c * 7 + j * 3) % 5) as f32 + 20.0 * c as f32;
    let points: Vec<f32> = (0..count * d)
        .map(|i| centre(i / d % 6, i % d) + random.normal() as f32)
        .collect();
    let weights: Vec<f32> = (0..count * d).map(|_| 0.5 + random.uniform() as f32).collect();
    let found = KMeans::new(6, d).fit(&points, Some(&weights), &|_| ()).unwrap();
    let mut total = 0.0;
    for c in 0..6 {
        let own = (c..count).step_by(6);
        let code = found.codes[c];
        for j in 0..d {
            let sum = |f: &dyn Fn(usize) -> f64| own.clone().map(|i| f(i * d + j)).sum::<f64>();
            let weight = sum(&|at| weights[at] as f64);
            let mean = sum(&|at| weights[at] as f64 * points[at] as f64) / weight;
            let got = found.centroids[code as usize * d + j];
            assert!((got as f64 - mean).abs() < 1e-4, "{got} {mean}");
            total += sum(&|at| weights[at] as f64 * (points[at] as f64 - mean).powi(2));
        }
        assert!(own.clone().all(|i| found.codes[i] == code));
    }
    assert!((found.error / total - 1.0).abs() < 1e-4, "{} {total}", found.error);
}

#[test]
fn nearest_entries_are_nearest() {
    let (count, entries, d) = (500, 75, 4);
    let points = gaussian(count * d, 4);
    let centroids = gaussian(entries * d, 5);
    // Weights that repeat every two vectors, one of them 0.
    let weights = [1.0, 0.0, 2.0, 0.5, 3.0, 1.0, 1.0, 0.1];
    let (codes, _) = nearest(&centroids, d, &points, Some(&weights)).unwrap();
    for (i, (x, code)) in points.chunks(d).zip(codes).enumerate() {
        let far = |c: usize| -> f64 {
            let w = &weights[i % 2 * d..][..d];
            let terms = x.iter().zip(&centroids[c * d..]).zip(w);
            terms.map(|((x, c), w)| *w as f64 * ((x - c) as f64).powi(2)).sum()
        };
        let best = (0..entries).map(far).fold(f64::INFINITY, f64::min);
        assert!(far(code as usize) <= best * (1.0 + 1e-5), "{i}");
    }
}

#[test]
fn more_entries_than_vectors_lose_nothing() {
    let points = gaussian(5 * 8, 6);
    let found = KMeans::new(32, 8).fit(&points, None, &|_| ()).unwrap();
    assert_eq!(found.error, 0.0);
    // Identical vectors.
    let found = KMeans::new(4, 2).fit(&[1.5; 20], None, &|_| ()).unwrap();
    assert_eq!(found.error, 0.0);
}

#[test]
fn every_stage_lowers_the_error() {
    let (n, k) = (64, 64);
    let w = gaussian(n * k, 7);
    let dense = Dense::new(n, k, &w).unwrap();
    let means = KMeans::new(16, 4);
    let seen = Mutex::new(Vec::new());
    let progress = |share: f32| seen.lock().unwrap().push(share);
    let mut last = square_error(&w, &vec![0.0; n * k]);
    for stages in 1..=3 {
        seen.lock().unwrap().clear();
        let found = Residual::new(stages, means.clone())
            .quantize(dense, None, &progress)
            .unwrap();
        let error = square_error(&w, &found.dequantize());
        // 16 entries for 4 weights are one bit each, worth a factor of up to 4; at least half of that is reached.
        assert!(error < 0.55 * last, "{stages}: {error} {last}");
        last = error;
        let seen = seen.lock().unwrap();
        assert!(seen.is_sorted() && seen.last() == Some(&1.0), "{seen:?}");
    }
}

#[test]
fn aqlm_lowers_the_output_error() {
    let (n, k) = (192, 64);
    let w = gaussian(n * k, 8);
    let dense = Dense::new(n, k, &w).unwrap();
    let h = hessian(k, 500, 9);
    let method = Aqlm::default().with_bits(6);
    let diagonal: Vec<f32> = (0..k).map(|j| h[j * k + j]).collect();
    let means = KMeans::new(64, 8);
    let start = Residual::new(2, means.clone())
        .quantize(dense, Some(&diagonal), &|_| ())
        .unwrap();
    let error = |q: &Additive| output_error(dense, &q.dequantize(), &h).unwrap();
    let seen = Mutex::new(Vec::new());
    let progress = |share: f32| seen.lock().unwrap().push(share);
    let found = method.quantize(dense, &h, &progress).unwrap();
    let (before, after) = (error(&start), error(&found));
    assert!(after < 0.7 * before, "{before} {after}");
    let seen = seen.into_inner().unwrap();
    assert!(seen.is_sorted() && seen.last() == Some(&1.0), "{seen:?}");
    // A wider beam chooses codes at least as well; here better.
    let wide = method.clone().with_beam(4);
    let wide = error(&wide.quantize(dense, &h, &|_| ()).unwrap());
    assert!(wide < 1.005 * after, "{after} {wide}");
    // A second run is the same bit for bit.
    assert_eq!(method.quantize(dense, &h, &|_| ()).unwrap(), found);

    // The output error, directly from its definition in f64.
    let e: Vec<f64> = w.iter().zip(found.dequantize()).map(|(w, q)| (w - q) as f64).collect();
    let mut sum = 0.0;
    for row in e.chunks(k) {
        for i in 0..k {
            for j in 0..k {
                sum += row[i] * row[j] * h[i * k + j] as f64;
            }
        }
    }
    assert!((after / sum - 1.0).abs() < 1e-4, "{after} {sum}");
}

#[test]
fn aqlm_ends_at_a_local_minimum() {
    // With rounds to spare, no change of one code, scale or entry lowers the error.
    let (n, k) = (24, 16);
    let w = gaussian(n * k, 10);
    let dense = Dense::new(n, k, &w).unwrap();
    let h = hessian(k, 200, 11);
    let method = Aqlm::default()
        .with_bits(3)
        .with_rounds(200)
        .with_tolerance(0.0)
        .with_steps(200);
    let found = method.quantize(dense, &h, &|_| ()).unwrap();
    let error = |q: &Additive| output_error(dense, &q.dequantize(), &h).unwrap();
    let least = error(&found);
    for at in 0..found.codes.len() {
        for code in 0..8 {
            let mut other = found.clone();
            other.codes[at] = code;
            // The last sums are in f32.
            assert!(error(&other) > least * (1.0 - 1e-5), "{at} {code}");
        }
    }
    for m in 0..2 {
        for i in 0..64 {
            for by in [-1e-2, 1e-2] {
                let mut other = found.clone();
                other.codebooks[m][i] += by;
                assert!(error(&other) > least * (1.0 - 1e-5), "{m} {i}");
            }
        }
    }
    for row in 0..n {
        for by in [0.99, 1.01] {
            let mut other = found.clone();
            other.scales[row] *= by;
            assert!(error(&other) > least * (1.0 - 1e-5), "{row}");
        }
    }
}

#[test]
fn sums_of_entries_become_matrices() {
    let (n, k) = (40, 64);
    let w = gaussian(n * k, 12);
    let dense = Dense::new(n, k, &w).unwrap();
    for (books, entries, format) in [
        (2, 256, Format::AQLM_2X8),
        (2, 50, Format::AQLM_2X8),
        (1, 300, Format::AQLM_1X16),
    ] {
        let found = Residual::new(books, KMeans::new(entries, 8))
            .quantize(dense, None, &|_| ())
            .unwrap();
        for scale in [ScaleType::F16, ScaleType::BF16] {
            let matrix = found.pack(scale).unwrap();
            assert_eq!(matrix.format().name(), format.with_scale(scale).unwrap().name());
            let (a, b) = (matrix.dequantize(), found.dequantize());
            // Entries and scales are rounded to 11 or 8 bits, relative to the sum of magnitudes, not to the sum.
            let unit = if scale == ScaleType::F16 {
                2f32.powi(-11)
            } else {
                2f32.powi(-8)
            };
            for (a, b) in a.iter().zip(&b) {
                assert!((a - b).abs() <= unit * (2.0 * b.abs() + 12.0), "{a} {b}");
            }
        }
    }
    let three = Residual::new(3, KMeans::new(4, 8))
        .quantize(dense, None, &|_| ())
        .unwrap();
    assert!(matches!(three.pack(ScaleType::F16), Err(Error::Argument { .. })));
    let four = Residual::new(2, KMeans::new(4, 4))
        .quantize(dense, None, &|_| ())
        .unwrap();
    assert!(matches!(four.pack(ScaleType::F16), Err(Error::Argument { .. })));
    let mut broken = Residual::new(2, KMeans::new(4, 8))
        .quantize(dense, None, &|_| ())
        .unwrap();
    broken.codes[7] = 4;
    assert!(matches!(broken.pack(ScaleType::F16), Err(Error::Argument { .. })));
    broken.codes.pop();
    assert!(matches!(broken.pack(ScaleType::F16), Err(Error::Length { .. })));
}

//! One-dimensional codebooks: Lloyd-Max against known constants, exact k-means against brute force.

use lowbit::quantize::codebook::{
    Codebook, Density, NORMAL_FLOAT_OFFSET, kmeans_exact, kmeans_rows, lloyd, lloyd_max, lloyd_max_sphere,
    normal_float, quantiles,
};
use lowbit::random::SplitMix64;
use lowbit::{Dense, Error, Format, Matrix};
use std::sync::Mutex;

fn gaussian(count: usize, seed: u64) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.normal() as f32).collect()
}

/// The positive half of symmetric levels.
fn upper(levels: &[f64]) -> &[f64] {
    &levels[levels.len() / 2..]
}

fn assert_close(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    for (g, e) in got.iter().zip(expected) {
        assert!((g - e).abs() <= tolerance, "{got:?} {expected:?}");
    }
}

/// Half a unit in the sixth decimal, the precision of the reference figures below.
const SIX_DIGITS: f64 = 0.51e-6;

#[test]
fn lloyd_max_of_a_normal_distribution() {
    let centroids: [&[f64]; 4] = [
        &[0.797885],
        &[0.452780, 1.510418],
        &[0.245094, 0.756005, 1.343909, 2.151946],
        &[
            0.128395, 0.388048, 0.656759, 0.942340, 1.256231, 1.618046, 2.069017, 2.732590,
        ],
    ];
    // Max's table of 1960 has four digits; these come from another integration, in f64.
    let errors = [0.36338, 0.11748, 0.034548, 0.009501];
    for (bits, (centroids, error)) in (1..).zip(centroids.into_iter().zip(errors)) {
        let best = lloyd_max(Density::Normal, bits).unwrap();
        println!("Lloyd-Max, N(0, 1), {bits} bits: relative MSE {:.6}", best.mse);
        assert_close(upper(&best.levels), centroids, SIX_DIGITS);
        assert!((best.mse / error - 1.0).abs() < 2e-5, "{bits}: {}", best.mse);
        assert_eq!(best.boundaries.len() + 1, best.levels.len());
    }
    // One bit by hand: ±√(2/π), and 1 - 2/π.
    let best = lloyd_max(Density::Normal, 1).unwrap();
    assert!((best.levels[1] - (2.0 / std::f64::consts::PI).sqrt()).abs() < 1e-14);
    assert!((best.mse - (1.0 - 2.0 / std::f64::consts::PI)).abs() < 1e-14);
    assert_eq!(lloyd_max(Density::Normal, 0).unwrap().levels, [0.0]);
    assert!(matches!(lloyd_max(Density::Normal, 9), Err(Error::Argument { .. })));
}

#[test]
fn lloyd_max_of_a_unit_vectors_coordinate() {
    let d128: [&[f64]; 4] = [
        &[0.070662],
        &[0.039992, 0.133042],
        &[0.021604, 0.066586, 0.118140, 0.188397],
        &[
            0.011302, 0.034152, 0.057772, 0.082828, 0.110288, 0.141805, 0.180836, 0.237664,
        ],
    ];
    for (bits, centroids) in (1..).zip(d128) {
        assert_close(upper(&lloyd_max_sphere(128, bits)), centroids, SIX_DIGITS);
    }
    let d64 = [0.030469, 0.093832, 0.166168, 0.263914];
    assert_close(upper(&lloyd_max_sphere(64, 3)), &d64, SIX_DIGITS);
    // Uniform on [-1, 1]: levels at odd sixteenths, error step² / 12.
    let uniform = lloyd_max(Density::Sphere { d: 3 }, 3).unwrap();
    let sixteenths: Vec<f64> = (0..8).map(|i| (2.0 * i as f64 - 7.0) / 8.0).collect();
    assert_close(&uniform.levels, &sixteenths, 1e-12);
    assert!((uniform.mse - 0.25f64.powi(2) / 12.0).abs() < 1e-14);
    // Many dimensions approach N(0, 1/d).
    let normal = lloyd_max(Density::Normal, 4).unwrap();
    let many: Vec<f64> = lloyd_max_sphere(4096, 4).iter().map(|l| l * 64.0).collect();
    assert_close(&many, &normal.levels, 2e-3);
    assert!(lloyd_max_sphere(1, 4).is_empty() && lloyd_max_sphere(64, 9).is_empty());
}

#[test]
fn lloyd_max_is_a_minimum_of_the_integral() {
    // The error as a sum over fine steps of the density, which is the only thing shared.
    for density in [
        Density::Normal,
        Density::Sphere { d: 2 },
        Density::Sphere { d: 5 },
        Density::Sphere { d: 40 },
    ] {
        for bits in [1, 2, 3, 5] {
            let best = lloyd_max(density, bits).unwrap();
            // With t = sin θ even the arcsine law is smooth.
            let steps = 50_000;
            let error = |levels: &[f64]| {
                let book: Vec<f64> = levels.to_vec();
                let mut sum = 0.0;
                for i in 0..steps {
                    let u = (i as f64 + 0.5) / steps as f64 * 2.0 - 1.0;
                    let (t, dt) = match density {
                        Density::Normal => (9.0 * u, 18.0 / steps as f64),
                        _ => {
                            let theta = u * std::f64::consts::FRAC_PI_2;
                            (theta.sin(), std::f64::consts::PI / steps as f64 * theta.cos())
                        }
                    };
                    let at = book.partition_point(|l| *l < t);
                    let near = [at.saturating_sub(1), at.min(book.len() - 1)];
                    let least = near.iter().map(|&i| (t - book[i]).powi(2)).fold(f64::MAX, f64::min);
                    sum += least * density.at(t) * dt;
                }
                sum
            };
            let sum = error(&best.levels);
            assert!(
                (sum / best.mse - 1.0).abs() < 1e-5,
                "{density:?} {bits}: {sum} {}",
                best.mse
            );
            for moved in 0..best.levels.len() {
                for by in [-0.02, 0.02] {
                    let mut levels = best.levels.clone();
                    levels[moved] += by * density.variance().sqrt() / best.levels.len() as f64;
                    assert!(error(&levels) > sum, "{density:?} {bits} {moved} {by}");
                }
            }
        }
    }
}

/// The minimum error over all partitions of sorted values into at most k runs.
fn brute_force(values: &[f32], weights: &[f32], k: usize) -> f64 {
    let mut pairs: Vec<(f64, f64)> = values
        .iter()
        .zip(weights)
        .map(|(x, w)| (*x as f64, *w as f64))
        .collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    fn rest(pairs: &[(f64, f64)], k: usize) -> f64 {
        if pairs.is_empty() {
            return 0.0;
        }
        if k == 0 {
            return f64::INFINITY;
        }
        let one = |run: &[(f64, f64)]| {
            let weight: f64 = run.iter().map(|p| p.1).sum();
            if weight == 0.0 {
                return 0.0;
            }
            let mean = run.iter().map(|p| p.0 * p.1).sum::<f64>() / weight;
            run.iter().map(|p| p.1 * (p.0 - mean).powi(2)).sum()
        };
        (1..=pairs.len())
            .map(|cut| one(&pairs[..cut]) + rest(&pairs[cut..], k - 1))
            .fold(f64::INFINITY, f64::min)
    }
    rest(&pairs, k) / weights.iter().map(|w| *w as f64).sum::<f64>()
}

#[test]
fn exact_k_means_equals_brute_force() {
    let mut random = SplitMix64::new(1);
    for case in 0..120 {
        let count = 1 + random.below(11);
        // Some cases with equal values, one with weights of 0.
        let values: Vec<f32> = (0..count)
            .map(|_| match case % 3 {
                0 => random.below(5) as f32 - 2.0,
                _ => random.normal() as f32,
            })
            .collect();
        let mut weights: Vec<f32> = (0..count).map(|_| random.uniform() as f32 + 0.1).collect();
        if case % 4 == 0 && count > 1 {
            weights[0] = 0.0;
        }
        let ones = vec![1.0; count];
        for k in 1..=4 {
            for (given, used) in [(Some(&weights[..]), &weights), (None, &ones)] {
                let book = kmeans_exact(&values, given, k).unwrap();
                assert!(book.levels().len() <= k);
                let got = book.mse(&values, given).unwrap();
                let least = brute_force(&values, used, k);
                // Levels are rounded to f32, which adds the square of the rounding error.
                assert!(
                    (got - least).abs() <= 1e-6 * least + 1e-13,
                    "{values:?} {k}: {got} {least}"
                );
            }
        }
    }
}

#[test]
fn exact_k_means_is_never_worse_than_lloyds() {
    let mut random = SplitMix64::new(2);
    for seed in 0..10 {
        let values: Vec<f32> = gaussian(5000, 100 + seed).iter().map(|x| x.powi(3)).collect();
        let weights: Vec<f32> = values.iter().map(|_| random.uniform() as f32).collect();
        for k in [2, 3, 8, 16] {
            for weights in [None, Some(&weights[..])] {
                let start = quantiles(&values, weights, k).unwrap();
                let local = lloyd(&values, weights, start.levels()).unwrap();
                let exact = kmeans_exact(&values, weights, k).unwrap();
                let mse = |book: &Codebook| book.mse(&values, weights).unwrap();
                let (a, b, c) = (mse(&start), mse(&local), mse(&exact));
                assert!(b <= a, "{seed} {k}: {a} {b}");
                assert!(c <= b * (1.0 + 1e-9), "{seed} {k}: {b} {c}");
                // A fixed point: another iteration changes only the last digits.
                let again = mse(&lloyd(&values, weights, local.levels()).unwrap());
                assert!((again / b - 1.0).abs() < 1e-6, "{again} {b}");
            }
        }
    }
}

#[test]
fn samples_approach_the_density() {
    let values = gaussian(400_000, 3);
    for bits in 1..=4 {
        let best = lloyd_max(Density::Normal, bits).unwrap();
        let init: Vec<f32> = best.levels.iter().map(|l| *l as f32).collect();
        let fitted = lloyd(&values, None, &init).unwrap();
        let mse = fitted.mse(&values, None).unwrap();
        // The standard error of the mean squared error is under 0.4 %, and fitting gains less.
        assert!((mse / best.mse - 1.0).abs() < 0.01, "{bits}: {mse} {}", best.mse);
    }
}

#[test]
fn nf4_is_made_of_quantiles() {
    // The levels of Format::NF4, as bitsandbytes ships them: every nibble with a scale of 1.
    let mut bytes = 1f32.to_le_bytes().to_vec();
    bytes.extend((0..8).map(|i| (2 * i) << 4 | (2 * i + 1)));
    let format = Format::NF4.with_group(16).unwrap();
    let table = Matrix::from_bytes(format, 1, 16, bytes).unwrap().dequantize();
    let made = normal_float(4, NORMAL_FLOAT_OFFSET).unwrap();
    assert_eq!(made.levels().len(), 16);
    for (made, shipped) in made.levels().iter().zip(&table) {
        // torch.linspace in f32 shifts probabilities by 3e-8, and the quantile's slope there is up to 14, over 1.85.
        assert!((made - shipped).abs() <= 2.5e-7, "{made} {shipped}");
    }
    assert_eq!(made.levels()[7], 0.0);
    assert!(normal_float(1, NORMAL_FLOAT_OFFSET).is_err() && normal_float(4, 1.0).is_err());
}

#[test]
fn quantiles_share_out_the_weights() {
    let values: Vec<f32> = (0..100).map(|i| i as f32).collect();
    assert_eq!(quantiles(&values, None, 4).unwrap().levels(), [12.0, 37.0, 62.0, 87.0]);
    // All weight on the last ten values.
    let weights: Vec<f32> = (0..100).map(|i| (i >= 90) as u8 as f32).collect();
    assert_eq!(quantiles(&values, Some(&weights), 2).unwrap().levels(), [92.0, 97.0]);
}

#[test]
fn rows_have_codebooks_of_their_own() {
    let (n, k) = (37, 96);
    let w = gaussian(n * k, 4);
    let importance: Vec<f32> = (0..k).map(|j| 1.0 + (j % 7) as f32).collect();
    let seen = Mutex::new(Vec::new());
    let progress = |share: f32| seen.lock().unwrap().push(share);
    let books = kmeans_rows(Dense::new(n, k, &w).unwrap(), Some(&importance), 8, &progress).unwrap();
    for (row, book) in w.chunks(k).zip(&books) {
        assert_eq!(*book, kmeans_exact(row, Some(&importance), 8).unwrap());
    }
    let seen = seen.into_inner().unwrap();
    assert!(seen.is_sorted() && seen.last() == Some(&1.0), "{seen:?}");
    let short = kmeans_rows(Dense::new(n, k, &w).unwrap(), Some(&importance[1..]), 8, &|_| ());
    assert!(matches!(short, Err(Error::Argument { .. })));
}

#[test]
fn codes_are_the_nearest_levels() {
    let book = Codebook::new(vec![2.0, -1.0, 0.5]).unwrap();
    assert_eq!(book.levels(), [-1.0, 0.5, 2.0]);
    let values = gaussian(50_000, 5);
    for (x, code) in values.iter().zip(book.encode(&values)) {
        let nearest = (0..3).min_by(|&a, &b| {
            let far = |i: usize| (x - book.levels()[i]).abs();
            far(a).total_cmp(&far(b))
        });
        assert_eq!(nearest, Some(code as usize), "{x}");
    }
    // The lower level wins a tie.
    assert_eq!((book.nearest(1.25), book.nearest(-9.0), book.nearest(9.0)), (1, 0, 2));
    assert_eq!(book.decode(&[2, 0]).unwrap(), [2.0, -1.0]);
    assert!(matches!(book.decode(&[3]), Err(Error::Argument { .. })));
}

#[test]
fn wrong_input_is_refused() {
    assert!(matches!(kmeans_exact(&[], None, 2), Err(Error::Argument { .. })));
    assert!(matches!(kmeans_exact(&[1.0], None, 0), Err(Error::Argument { .. })));
    let nan = kmeans_exact(&[1.0, f32::NAN], None, 2);
    assert!(matches!(nan, Err(Error::NotFinite { column: 1, .. })));
    let short = kmeans_exact(&[1.0, 2.0], Some(&[1.0]), 2);
    assert!(matches!(
        short,
        Err(Error::Length {
            expected: 2,
            got: 1,
            ..
        })
    ));
    for weights in [[-1.0, 1.0], [0.0, 0.0], [f32::NAN, 1.0]] {
        assert!(matches!(
            lloyd(&[1.0, 2.0], Some(&weights), &[1.0]),
            Err(Error::Argument { .. })
        ));
    }
    assert!(matches!(Codebook::new(vec![]), Err(Error::Argument { .. })));
    assert!(matches!(Codebook::new(vec![f32::NAN]), Err(Error::Argument { .. })));
    // More levels than values: the levels are the values.
    assert_eq!(kmeans_exact(&[3.0, 1.0, 3.0], None, 8).unwrap().levels(), [1.0, 3.0]);
}

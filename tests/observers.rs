//! Ranges and the affine parameters computed from them: against formulas, brute force over the values, and figures of
//! ONNX Runtime.

#[path = "observers/affine.rs"]
mod affine;
#[path = "observers/refused.rs"]
mod refused;

use lowbit::Error;
use lowbit::calibrate::affine::{QuantParams, Scheme, ValueRange};
use lowbit::calibrate::observers::{
    Columns, Cut, Entropy, Histogram, MinMax, MovingAverage, Mse, Observer, Percentile,
};
use lowbit::random::SplitMix64;

fn gaussian(count: usize, seed: u64) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.normal() as f32).collect()
}

/// Heavy tails: cubes of normal numbers.
fn heavy(count: usize, seed: u64) -> Vec<f32> {
    gaussian(count, seed).iter().map(|x| x * x * x).collect()
}

/// Values that a few lines of Python can reproduce.
fn powers() -> Vec<f32> {
    let power = |i: u64| {
        let u = (i * 7919 % 10007) as f64 / 5003.5 - 1.0;
        (u.powi(5) * 3.0 + 0.25 * u) as f32
    };
    (0..10007).map(power).collect()
}

fn range(lo: f32, hi: f32) -> ValueRange {
    ValueRange { lo, hi }
}

fn observed(mut observer: impl Observer, batches: &[&[f32]]) -> ValueRange {
    for batch in batches {
        observer.observe(batch).unwrap();
    }
    observer.range().unwrap()
}

/// Σ |x - Q(x)|^p over the values themselves.
fn error(x: &[f32], affine: QuantParams, power: f64) -> f64 {
    let back = affine.dequantize(&affine.quantize(x));
    let terms = x.iter().zip(&back);
    terms.map(|(x, q)| ((x - q).abs() as f64).powf(power)).sum()
}

#[test]
fn batches_add_up() {
    let x = heavy(10_000, 5);
    let (a, b) = x.split_at(1234);
    let whole = observed(MinMax::new(), &[&x]);
    assert_eq!(observed(MinMax::new(), &[a, &[], b]), whole);
    let fold = |f: fn(f32, f32) -> f32| x.iter().copied().reduce(f).unwrap();
    assert_eq!(whole, range(fold(f32::min), fold(f32::max)));
    // m += c (x - m), where the first batch sets m.
    let average = observed(MovingAverage::new(0.25), &[&[-1.0, 2.0], &[-3.0, 1.0], &[0.0]]);
    assert_eq!(average, range(-1.5 + 0.25 * 1.5, 1.75 - 0.25 * 1.75));
    assert_eq!(MovingAverage::default().constant, 0.01);
}

#[test]
fn percentiles_are_those_of_the_sorted_values() {
    let x = heavy(200_000, 6);
    let mut sorted: Vec<f32> = x.clone();
    sorted.sort_by(f32::total_cmp);
    let mut magnitudes: Vec<f32> = x.iter().map(|x| x.abs()).collect();
    magnitudes.sort_by(f32::total_cmp);
    let largest = magnitudes[magnitudes.len() - 1];
    let at = |sorted: &[f32], share: f64| sorted[(sorted.len() as f64 * share).ceil() as usize - 1];
    for percentile in [99.0, 99.9, 99.99] {
        // Batches with growing extremes stretch the bins, up to twice the width.
        for batches in [vec![&x[..]], x.chunks(10_000).collect()] {
            let one = observed(Percentile::new(percentile, Cut::Magnitudes, 2048), &batches);
            let width = 2.0 * largest / 2048.0;
            let exact = at(&magnitudes, percentile / 100.0);
            // The lower edge of the bin that contains it.
            assert!(one.hi <= exact && one.hi > exact - 1.001 * width, "{one:?} {exact}");
            assert_eq!(one.lo, -one.hi);
            let two = observed(Percentile::new(percentile, Cut::BothSides, 2048), &batches);
            let cut = (100.0 - percentile) / 200.0;
            let (lo, hi) = (at(&sorted, cut), at(&sorted, 1.0 - cut));
            assert!(two.hi <= hi && two.hi > hi - 2.002 * width, "{two:?} {hi}");
            assert!(two.lo <= lo && two.lo > lo - 2.002 * width, "{two:?} {lo}");
        }
    }
    // Values from onnxruntime 1.31.1 (`HistogramCollector(method="percentile", num_bins=2048, ...)`).
    let x = powers();
    let of = |percentile, cut| observed(Percentile::new(percentile, cut, 2048), &[&x]);
    assert_eq!(of(99.0, Cut::BothSides), range(-3.100_83, 3.094_482_4));
    assert_eq!(of(99.9, Cut::BothSides), range(-3.237_304_7, 3.230_957));
    // Its bins of magnitudes begin at the smallest magnitude, 2.5e-5, not at 0.
    for (percentile, end) in [(99.0, 3.099_244_4), (99.9, 3.234_131)] {
        assert!((of(percentile, Cut::Magnitudes).hi - end).abs() < 2.5e-5f32);
    }
    // A first batch of zeros, whose range has no width.
    let late = observed(Percentile::default(), &[&[0.0; 3], &x]);
    let mut padded = vec![0.0; 3];
    padded.extend(&x);
    assert_eq!(late, observed(Percentile::default(), &[&padded]));
    assert_eq!(observed(Percentile::default(), &[&[0.0; 3]]), range(0.0, 0.0));
}

#[test]
fn the_mse_range_is_that_of_a_search_on_the_values() {
    let x = heavy(20_000, 7);
    let (lo, hi) = {
        let r = observed(MinMax::new(), &[&x]);
        (r.lo, r.hi)
    };
    for (scheme, bits) in [(Scheme::Symmetric, 4), (Scheme::Asymmetric, 3), (Scheme::Symmetric, 8)] {
        for power in [2.0, 2.4] {
            let tried = |i: usize| {
                let p = 1.0 - i as f32 / 100.0;
                error(
                    &x,
                    QuantParams::from_range(range(p * lo, p * hi), scheme, bits).unwrap(),
                    power,
                )
            };
            let best = (0..80).map(tried).fold(f64::INFINITY, f64::min);
            for batches in [vec![&x[..]], x.chunks(777).collect()] {
                let found = observed(Mse::new(scheme, bits).with_power(power), &batches);
                let got = error(&x, QuantParams::from_range(found, scheme, bits).unwrap(), power);
                // The histogram may choose a neighbour of the grid's best range.
                assert!(got <= best * 1.005, "{scheme:?} {bits} {power}: {got} {best}");
                assert!(bits == 8 || got < 0.9 * tried(0), "{got} {}", tried(0));
            }
        }
    }
}

/// As entropy.rs describes it, directly from the values, sharing no code: counts, slices and logarithms.
fn entropy_by_hand(x: &[f32], bins: usize, levels: usize) -> f32 {
    let end = x.iter().fold(0f32, |m, x| m.max(x.abs())) as f64;
    let mut counts = vec![0f64; bins];
    for x in x {
        counts[((x.abs() as f64 / end * bins as f64) as usize).min(bins - 1)] += 1.0;
    }
    let (mut best, mut at) = (f64::INFINITY, 0);
    for i in levels..=bins {
        let mut p = counts[..i].to_vec();
        p[i - 1] += counts[i..].iter().sum::<f64>();
        let mut q = vec![0f64; i];
        for bin in 0..i {
            // The bins that share a level with this one.
            let level = (0..levels).find(|l| bin < (l + 1) * i / levels).unwrap();
            let same = level * i / levels..(level + 1) * i / levels;
            let filled = same.clone().filter(|&b| p[b] > 0.0).count() as f64;
            if p[bin] > 0.0 {
                q[bin] = same.map(|b| counts[b]).sum::<f64>() / filled;
            }
        }
        let smooth = |v: &[f64]| -> Vec<f64> {
            let zeros = v.iter().filter(|v| **v == 0.0).count() as f64;
            let loss = 1e-4 * zeros / (v.len() as f64 - zeros);
            let v: Vec<f64> = v.iter().map(|&v| if v == 0.0 { 1e-4 } else { v - loss }).collect();
            let total: f64 = v.iter().sum();
            v.iter().map(|v| v / total).collect()
        };
        let (p, q) = (smooth(&p), smooth(&q));
        let divergence: f64 = p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum();
        if divergence <= best {
            (best, at) = (divergence, i);
        }
    }
    (end * at as f64 / bins as f64) as f32
}

#[test]
fn entropy_cuts_tails_and_spares_what_has_none() {
    let x = heavy(50_000, 8);
    let whole = observed(MinMax::new(), &[&x]);
    let found = observed(Entropy::of_magnitudes(512, 32), &[&x]);
    let by_hand = entropy_by_hand(&x, 512, 32);
    assert_eq!(found.hi, by_hand.min(whole.hi));
    assert_eq!(found.lo, (-by_hand).max(whole.lo));
    assert!(by_hand < 0.7 * whole.hi.max(-whole.lo), "{by_hand} {whole:?}");
    // TensorRT's parameters keep nearly all values and cut the range.
    let found = observed(Entropy::tensor_rt(), &x.chunks(5000).collect::<Vec<_>>());
    let cut = x.iter().filter(|x| **x > found.hi || **x < found.lo).count();
    assert!(
        found.hi < 0.9 * whole.hi && cut < x.len() / 100,
        "{found:?} {whole:?} {cut}"
    );
    // A uniform distribution has no tails to cut.
    let mut random = SplitMix64::new(9);
    let flat: Vec<f32> = (0..50_000).map(|_| random.uniform() as f32 * 2.0 - 1.0).collect();
    let found = observed(Entropy::tensor_rt(), &[&flat]);
    assert!(found.hi > 0.98 && found.lo < -0.98, "{found:?}");
    // With ONNX Runtime's own parameters there is one candidate.
    let found = observed(Entropy::onnx_runtime(), &[&x]);
    assert_eq!(found, whole);
    // Symmetric candidates around 0 cut too, but not past an extreme.
    let both = observed(Entropy::of_both_signs(1024, 64), &[&x]);
    assert!(both.hi < whole.hi || both.lo > whole.lo, "{both:?} {whole:?}");
}

#[test]
fn the_histogram_search_lowers_the_error() {
    for (seed, bits) in [(10, 4), (11, 4), (12, 8), (13, 3)] {
        let x = heavy(50_000, seed);
        let whole = observed(MinMax::new(), &[&x]);
        let of = |r: ValueRange| error(&x, QuantParams::from_range(r, Scheme::Asymmetric, bits).unwrap(), 2.0);
        let found = observed(Histogram::new(bits), &[&x]);
        let grown = observed(Histogram::new(bits), &x.chunks(1000).collect::<Vec<_>>());
        assert!(whole.lo <= found.lo && found.hi <= whole.hi, "{found:?} {whole:?}");
        // One outlier that is expensive to cut may end the greedy search early; here it never increases the error.
        for r in [found, grown] {
            assert!(of(r) < of(whole), "{bits}: {} {}", of(r), of(whole));
        }
    }
    // The formulas of PyTorch's `_compute_quantization_error` and `_non_linear_param_search`, computed in numpy.
    let mut x = powers();
    (x[17], x[18]) = (9.0, -5.0);
    for (bits, hi) in [(8, 8.993_164), (4, 3.244_140_6), (3, 3.244_140_6)] {
        assert_eq!(observed(Histogram::new(bits), &[&x]), range(-5.0, hi), "{bits}");
    }
    // One value, repeated.
    assert_eq!(observed(Histogram::new(8), &[&[2.0], &[2.0; 5]]), range(2.0, 2.0));
}

#[test]
fn columns_have_observers_of_their_own() {
    let k = 6;
    let x: Vec<f32> = (0..4 * k)
        .map(|i| (i % k) as f32 * if i < k { -1.0 } else { 1.0 })
        .collect();
    let mut columns = Columns::new(k, 4, MinMax::new).unwrap();
    columns.observe(&x[..k]).unwrap();
    columns.observe(&x[k..]).unwrap();
    assert_eq!(columns.ranges().unwrap(), [range(-3.0, 3.0), range(-5.0, 5.0)]);
    let affines = columns.quant_params(Scheme::Symmetric, 8).unwrap();
    assert_eq!(affines[1].scale, 5.0 / 127.5);
    assert!(matches!(
        columns.observe(&x[..5]),
        Err(Error::Inputs { k: 6, got: 5, .. })
    ));
    let mut bad = x.clone();
    bad[k + 2] = f32::NAN;
    let refused = columns.observe(&bad);
    assert!(
        matches!(
            refused,
            Err(Error::NotFinite {
                what: "input",
                row: 1,
                column: 2,
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(columns.ranges().unwrap()[0], range(-3.0, 3.0));
}

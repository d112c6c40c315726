//! HQQ against the tool's output for the same weights, against the formulas written out in f64, and against
//! round-to-nearest.

mod common;

use common::golden::floats;
use common::layouts::layout;
use lowbit::quantize::hqq::{Hqq, Solver};
use lowbit::random::SplitMix64;
use lowbit::{Dense, Error, Format, Group, Matrix, ScaleType};

fn quiet(_: f32) {}

/// Weights with a heavy tail: normal numbers divided by uniform ones.
fn heavy_tailed(count: usize, seed: u64) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    let mut weight = || (0.02 * random.normal() / (0.05 + random.uniform())) as f32;
    (0..count).map(|_| weight()).collect()
}

fn asymmetric(bits: usize) -> Format {
    match bits {
        1 => Format::INT1_ASYM,
        2 => Format::INT2_ASYM,
        3 => Format::INT3_ASYM,
        4 => Format::INT4_ASYM,
        _ => Format::INT8_ASYM,
    }
}

/// Σ |W - Ŵ|^p
fn p_norm(weights: &[f32], matrix: &Matrix, p: f64) -> f64 {
    let pairs = weights.iter().zip(matrix.dequantize());
    pairs.map(|(w, q)| f64::from(w - q).abs().powf(p)).sum()
}

/// hqq 0.2.8 on the rows of input.f32. It sums in f32, so zero points agree to f32 rounding, and a weight between two
/// codes may take either. In ramps, where many weights do, the zero point follows them.
#[test]
fn the_tool() {
    let weights = floats("input.f32");
    for bits in [1, 2, 3, 4, 8] {
        let case = layout(&format!("hqq_b{bits}_g64_ax1"));
        let tool = case.linear().unwrap().matrix().inspect();
        let format = asymmetric(bits).with_scale(ScaleType::F32).unwrap();
        let format = format.with_group(64).unwrap();
        let ours = Hqq::default().quantize(format, Dense::new(case.n, case.k, &weights).unwrap(), &quiet);
        let ours = ours.unwrap().matrix.inspect();
        let (mut ties, mut apart) = (0, 0);
        for (g, weights) in weights.chunks(64).enumerate() {
            let (got, expected) = (ours.scales[8 * g], tool.scales[8 * g]);
            let wrong = (got - expected).abs();
            assert!(
                wrong <= 2e-7 * expected.abs(),
                "{bits} bits, scale {g}: {got}, {expected}"
            );
            if tie(weights, f64::from((1u32 << bits) - 1)) {
                ties += 1;
                continue;
            }
            let (got, expected) = (ours.offsets[8 * g], tool.offsets[8 * g]);
            let wrong = (got - expected).abs();
            assert!(
                wrong <= 1e-6 * (1 << bits) as f32,
                "{bits} bits, zero {g}: {got}, {expected}"
            );
            let codes = ours.codes.iter().zip(&tool.codes).skip(64 * g).take(64);
            apart += codes.filter(|(a, b)| a != b).count();
        }
        println!("{bits} bits: {ties} groups with ties, {apart} codes apart");
        assert!(ties <= 8 && apart <= 2, "{bits} bits: {ties} ties, {apart} codes apart");
    }
}

/// Whether a weight lies between two codes, within f32 rounding.
fn tie(weights: &[f32], top: f64) -> bool {
    let lo = weights.iter().fold(f64::INFINITY, |m, &w| m.min(w.into()));
    let hi = weights.iter().fold(f64::NEG_INFINITY, |m, &w| m.max(w.into()));
    let at = |w: &f32| (f64::from(*w) - lo) * top / (hi - lo);
    weights.iter().any(|w| (at(w).fract() - 0.5).abs() < 1e-6 * top)
}

/// The loop over a list of groups in f64: s and z of each group, and the errors.
fn written_out(options: &Hqq, top: f64, groups: &[&[f32]]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let groups: Vec<Vec<f64>> = groups.iter().map(|g| g.iter().map(|&w| w.into()).collect()).collect();
    let count = groups.iter().map(Vec::len).sum::<usize>() as f64;
    let lo = |w: &Vec<f64>| w.iter().copied().fold(f64::INFINITY, f64::min);
    let hi = |w: &Vec<f64>| w.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let s: Vec<f64> = groups.iter().map(|w| (top / (hi(w) - lo(w))).min(2e4)).collect();
    let mut z: Vec<f64> = groups.iter().zip(&s).map(|(w, s)| -lo(w) * s).collect();
    let (mut before, mut errors, mut beta) = (z.clone(), Vec::<f64>::new(), options.beta);
    for _ in 0..options.iterations {
        let mut next = Vec::new();
        let mut error = 0.0;
        for ((w, s), z) in groups.iter().zip(&s).zip(&z) {
            let q: Vec<f64> = w
                .iter()
                .map(|w| (w * s + z).round_ties_even().clamp(0.0, top))
                .collect();
            let e: Vec<f64> = w.iter().zip(&q).map(|(w, q)| w - (q - z) / s).collect();
            error += e.iter().map(|e| e.abs()).sum::<f64>();
            let mut sum = 0.0;
            for i in 0..w.len() {
                let left = e[i].abs() - e[i].abs().powf(options.lp_norm - 1.0) / beta;
                let sparse = if left > 0.0 { left * e[i].signum() } else { 0.0 };
                sum += q[i] - (w[i] - sparse) * s;
            }
            next.push(sum / w.len() as f64);
        }
        error /= count;
        let rises = errors.last().is_some_and(|&last| error >= last);
        errors.push(error);
        match (options.solver, rises) {
            (Solver::V2, true) => return (s, before, errors),
            (Solver::Legacy, true) => return (s, next, errors),
            (Solver::V2, false) => beta *= options.kappa,
            (Solver::Legacy, false) => {}
            (other, _) => panic!("{other:?} is not written out"),
        }
        before = std::mem::replace(&mut z, next);
    }
    (s, z, errors)
}

#[test]
fn formulas() {
    // Weights large enough that at β = 10 some of their errors stay in E; the last group of a row is short.
    let (n, k, group) = (6, 120, 32);
    let weights: Vec<f32> = heavy_tailed(n * k, 3).iter().map(|w| 30.0 * w).collect();
    let groups: Vec<&[f32]> = weights.chunks(k).flat_map(|row| row.chunks(group)).collect();
    for solver in [Solver::Legacy, Solver::V2] {
        for (bits, lp_norm) in [(2, 0.7), (4, 0.7), (4, 1.0)] {
            let options = Hqq::default().with_solver(solver).with_lp_norm(lp_norm);
            let format = asymmetric(bits).with_scale(ScaleType::F32).unwrap();
            let found = options
                .quantize(format, Dense::new(n, k, &weights).unwrap(), &quiet)
                .unwrap();
            let (s, z, errors) = written_out(&options, f64::from((1u32 << bits) - 1), &groups);
            assert_eq!(found.errors.len(), errors.len(), "{solver:?}, {bits} bits");
            for (got, expected) in found.errors.iter().zip(&errors) {
                assert!((got - expected).abs() <= 1e-12 * expected, "{got}, {expected}");
            }
            let seen = found.matrix.inspect();
            let mut run = 0; // of 8 weights
            for (g, weights) in groups.iter().enumerate() {
                let (scale, zero) = (seen.scales[run], f64::from(seen.offsets[run]));
                run += weights.len() / 8;
                // The f64 value, rounded to the type of scales.
                assert_eq!(scale, (1.0 / s[g]) as f32);
                assert!((zero - z[g]).abs() <= 1e-6 * z[g].abs(), "{zero}, {}", z[g]);
            }
        }
    }
}

/// The purpose of the method: with a heavy tail, Σ |e|^p and Σ |e| are below those of round-to-nearest and below those
/// of unfitted real zero points. (At 2 bits only the latter: round-to-nearest has a code for 0, which matters more with
/// four codes, since most weights are near 0.)
#[test]
fn heavy_tails() {
    let (n, k) = (64, 512);
    let weights = heavy_tailed(n * k, 5);
    for (bits, most) in [(2, f64::INFINITY), (3, 1.0), (4, 0.97)] {
        for solver in [Solver::Legacy, Solver::V2] {
            let format = asymmetric(bits).with_group(64).unwrap();
            let hqq = Hqq::default().with_solver(solver);
            let found = hqq
                .quantize(format, Dense::new(n, k, &weights).unwrap(), &quiet)
                .unwrap();
            let nearest = Matrix::quantize(format, Dense::new(n, k, &weights).unwrap()).unwrap();
            for p in [0.7, 1.0] {
                let ours = p_norm(&weights, &found.matrix, p);
                let rtn = p_norm(&weights, &nearest, p);
                assert!(
                    ours < most * rtn,
                    "{bits} bits, p = {p}: {ours}, round-to-nearest {rtn}"
                );
            }
            let fitted = p_norm(&weights, &found.matrix, 1.0) / weights.len() as f64;
            let unfitted = found.errors[0];
            assert!(fitted < 0.99 * unfitted, "{bits} bits: {fitted}, unfitted {unfitted}");
        }
    }
}

/// Errors fall until the loop stops; `V2` returns to the zero points of the smallest error.
#[test]
fn stops() {
    let (n, k) = (16, 256);
    let weights = heavy_tailed(n * k, 9);
    let format = Format::INT3_ASYM.with_scale(ScaleType::F32).unwrap();
    for solver in [Solver::Legacy, Solver::V2] {
        let hqq = Hqq::default().with_solver(solver).with_iterations(200);
        let found = hqq
            .quantize(format, Dense::new(n, k, &weights).unwrap(), &quiet)
            .unwrap();
        let (last, falling) = found.errors.split_last().unwrap();
        assert!(found.errors.len() < 200 && falling.len() > 1);
        assert!(falling.windows(2).all(|pair| pair[1] < pair[0]));
        let least = falling[falling.len() - 1];
        assert!(*last >= least);
        if solver == Solver::V2 {
            // For weights up to 8 and zero points in f32.
            let error = p_norm(&weights, &found.matrix, 1.0) / weights.len() as f64;
            assert!((error - least).abs() <= 1e-6, "{error}, the minimum was {least}");
        }
        let all = hqq.with_early_stop(false).with_iterations(30);
        let all = all
            .quantize(format, Dense::new(n, k, &weights).unwrap(), &quiet)
            .unwrap();
        assert_eq!(all.errors.len(), 30);
    }
}

/// Scales of every type, groups, rows, bits; a group of equal weights is exact.
#[test]
fn every_format() {
    let (n, k) = (5, 88);
    let mut weights = heavy_tailed(n * k, 11);
    weights[..k].fill(0.125);
    weights[k..2 * k].fill(0.0);
    for bits in [1, 2, 3, 4, 8] {
        for kind in [ScaleType::F16, ScaleType::BF16, ScaleType::F32] {
            let format = asymmetric(bits).with_scale(kind).unwrap();
            for format in [format.with_group(24).unwrap(), format.with_group(Group::Row).unwrap()] {
                let found = Hqq::default()
                    .quantize(format, Dense::new(n, k, &weights).unwrap(), &quiet)
                    .unwrap();
                assert_eq!(found.matrix.format(), format);
                let back = found.matrix.dequantize();
                assert!(back[..k].iter().all(|&w| w == 0.125), "{format}");
                assert!(back[k..2 * k].iter().all(|&w| w == 0.0), "{format}");
                let exact = found.matrix.inspect();
                assert!(exact.scales.iter().all(|s| *s > 0.0), "{format}");
            }
        }
    }
}

#[test]
fn threads_change_nothing() {
    let (n, k) = (33, 96);
    let weights = heavy_tailed(n * k, 13);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let dense = Dense::new(n, k, &weights).unwrap();
        let run = || Hqq::default().quantize(Format::INT4_ASYM, dense, &quiet);
        pool.unwrap().install(run).unwrap()
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn progress_rises_to_one() {
    let weights = heavy_tailed(256, 1);
    let told = std::sync::Mutex::new(Vec::new());
    let note = |done| told.lock().unwrap().push(done);
    Hqq::default()
        .quantize(Format::INT4_ASYM, Dense::new(4, 64, &weights).unwrap(), &note)
        .unwrap();
    let told = told.into_inner().unwrap();
    assert!(told.is_sorted() && told.last() == Some(&1.0), "{told:?}");
}

#[test]
fn refused() {
    let weights = vec![0.5; 64];
    let hqq = Hqq::default();
    for format in [Format::INT4, Format::INT4_BIAS, Format::Q4_1, Format::NF4, Format::F32] {
        let error = hqq
            .quantize(format, Dense::new(2, 32, &weights).unwrap(), &quiet)
            .unwrap_err();
        assert!(matches!(error, Error::Argument { .. }), "{format}: {error}");
    }
    let quantize = |hqq: Hqq, w: &[f32]| hqq.quantize(Format::INT4_ASYM, Dense::new(2, 32, w)?, &quiet);
    for wrong in [
        hqq.with_lp_norm(0.0),
        hqq.with_lp_norm(1.5),
        hqq.with_lp_norm(f64::NAN),
        hqq.with_beta(0.0),
        hqq.with_kappa(0.9),
        hqq.with_iterations(0),
        hqq.with_least_range(-1.0),
        hqq.with_most_inverse_scale(f64::INFINITY),
    ] {
        let error = quantize(wrong, &weights).unwrap_err();
        assert!(matches!(error, Error::Argument { .. }), "{error}");
    }
    assert!(matches!(quantize(hqq, &weights[1..]), Err(Error::Length { .. })));
    let mut infinite = weights.clone();
    infinite[37] = f32::INFINITY;
    let error = quantize(hqq, &infinite).unwrap_err();
    assert!(
        matches!(
            error,
            Error::NotFinite {
                what: "weight",
                row: 1,
                column: 5,
                ..
            }
        ),
        "{error}"
    );
    // A step beyond f16.
    let large: Vec<f32> = (0..64).map(|i| i as f32 * 1e6).collect();
    let error = quantize(hqq, &large).unwrap_err();
    assert!(matches!(error, Error::ScaleRange { .. }), "{error}");
    // A code past the end of the f32 range.
    let format = Format::INT2_ASYM.with_scale(ScaleType::F32).unwrap();
    let mut ends = vec![0.0; 64];
    (ends[0], ends[1]) = (f32::MAX, -f32::MAX);
    match hqq.quantize(format, Dense::new(2, 32, &ends).unwrap(), &quiet) {
        Ok(found) => assert!(found.matrix.dequantize().iter().all(|w| w.is_finite())),
        Err(error) => assert!(matches!(error, Error::ScaleRange { .. }), "{error}"),
    }
}

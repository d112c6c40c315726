//! Affine parameters of a range, of groups and of rows, and the codes that they give.

use super::{gaussian, range};
use lowbit::calibrate::affine::{self, QuantParams, Scheme};
use lowbit::calibrate::observers::Mse;
use lowbit::random::SplitMix64;
use lowbit::{Dense, Group};

#[test]
fn affine_parameters_are_pytorchs() {
    // By hand from PyTorch's formulas: [-1, 3] in 8 bits.
    let a = QuantParams::from_range(range(-1.0, 3.0), Scheme::Asymmetric, 8).unwrap();
    assert_eq!((a.scale, a.zero_point), (4.0 / 255.0, -128 + 64));
    let a = QuantParams::from_range(range(-1.0, 3.0), Scheme::Symmetric, 8).unwrap();
    assert_eq!((a.scale, a.zero_point), (3.0 / 127.5, 0));
    // A range to one side of 0 is widened to hold it.
    let a = QuantParams::from_range(range(2.0, 5.0), Scheme::Asymmetric, 4).unwrap();
    assert_eq!((a.scale, a.zero_point), (5.0 / 15.0, -8));
    let a = QuantParams::from_range(range(-5.0, -2.0), Scheme::Asymmetric, 4).unwrap();
    assert_eq!((a.scale, a.zero_point), (5.0 / 15.0, 7));
    // Zeros only: torch.finfo(torch.float32).eps.
    let a = QuantParams::from_range(range(0.0, 0.0), Scheme::Symmetric, 8).unwrap();
    assert_eq!(a.scale, 1.1920929e-7);
    // Ties to even: 0.5 / 1 and 1.5 / 1, both of which torch.round makes even.
    let a = QuantParams::from_range(range(-7.5, 7.5), Scheme::Symmetric, 4).unwrap();
    assert_eq!(a.quantize(&[0.5, 1.5, -0.5, 2.5, 9.0, -9.0]), [0, 2, 0, 2, 7, -8]);
    // The largest finite floats.
    for scheme in [Scheme::Symmetric, Scheme::Asymmetric] {
        let a = QuantParams::from_range(range(-f32::MAX, f32::MAX), scheme, 2).unwrap();
        assert!(a.scale.is_finite(), "{scheme:?}");
    }
}

#[test]
fn ranges_come_back_within_half_a_step() {
    let mut random = SplitMix64::new(3);
    for bits in 2..=8 {
        for scheme in [Scheme::Symmetric, Scheme::Asymmetric] {
            for _ in 0..200 {
                let (a, b) = (random.normal() as f32 * 3.0, random.normal() as f32);
                let r = range(a.min(b), a.max(b));
                let affine = QuantParams::from_range(r, scheme, bits).unwrap();
                assert_eq!(affine.value(affine.code(0.0)), 0.0, "{r:?}");
                for _ in 0..20 {
                    let x = r.lo + random.uniform() as f32 * (r.hi - r.lo);
                    let back = affine.value(affine.code(x));
                    // Up to a whole step: at the upper end of a symmetric range the last code is half a step short, and
                    // the zero point was rounded; plus f32 rounding.
                    let step = affine.scale * (1.0 + 1e-5);
                    assert!((back - x).abs() <= step, "{bits} {scheme:?} {r:?} {x} {back}");
                    let inside = r.lo + affine.scale < x && x < r.hi - affine.scale;
                    if inside {
                        assert!((back - x).abs() <= 0.5 * step, "{bits} {scheme:?} {r:?} {x} {back}");
                    }
                }
            }
        }
    }
}

#[test]
fn groups_are_what_a_loop_makes() {
    let (n, k, g) = (5, 20, 8);
    // Each row is larger than the one before.
    let loud = |(i, w): (usize, f32)| w * (i / k + 1) as f32;
    let w: Vec<f32> = gaussian(n * k, 4).into_iter().enumerate().map(loud).collect();
    let dense = Dense::new(n, k, &w).unwrap();
    let groups = affine::min_max_params(dense, Group::Len(g), Scheme::Asymmetric, 4).unwrap();
    let rows = affine::min_max_params(dense, Group::Row, Scheme::Symmetric, 4).unwrap();
    let all = affine::min_max_params(dense, Group::Tensor, Scheme::Symmetric, 8).unwrap();
    assert_eq!((groups.len(), rows.len()), (n * 3, n));
    let of = |run: &[f32], scheme, bits| {
        let lo = run.iter().copied().fold(f32::MAX, f32::min);
        let hi = run.iter().copied().fold(f32::MIN, f32::max);
        QuantParams::from_range(range(lo, hi), scheme, bits).unwrap()
    };
    assert_eq!(all, [of(&w, Scheme::Symmetric, 8)]);
    let codes = affine::quantize(dense, Group::Len(g), &groups).unwrap();
    let back = affine::dequantize(n, k, &codes, Group::Len(g), &groups).unwrap();
    for (r, row) in w.chunks(k).enumerate() {
        assert_eq!(rows[r], of(row, Scheme::Symmetric, 4));
        for (j, run) in row.chunks(g).enumerate() {
            let expected = of(run, Scheme::Asymmetric, 4);
            assert_eq!(groups[3 * r + j], expected);
            let at = r * k + j * g;
            assert_eq!(&codes[at..at + run.len()], expected.quantize(run));
            assert_eq!(&back[at..at + run.len()], expected.dequantize(&expected.quantize(run)));
        }
    }
    // Any observer may replace the extremes, and a finer granularity has a smaller error.
    let mse = || Mse::new(Scheme::Symmetric, 3);
    let sum = |group: Group| {
        let a = affine::quant_params(dense, group, Scheme::Symmetric, 3, mse).unwrap();
        let codes = affine::quantize(dense, group, &a).unwrap();
        let back = affine::dequantize(n, k, &codes, group, &a).unwrap();
        w.iter().zip(back).map(|(w, q)| ((w - q) as f64).powi(2)).sum::<f64>()
    };
    let (tensor, channel, group) = (sum(Group::Tensor), sum(Group::Row), sum(Group::Len(g)));
    assert!(group < channel && channel < tensor, "{group} {channel} {tensor}");
}

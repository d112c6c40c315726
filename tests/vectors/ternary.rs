//! Ternary weights: each rule against its formula, least squares against brute force.

use super::gaussian;
use lowbit::quantize::ternary::{Rule, Ternary};
use lowbit::{Dense, Error, Format, Group, Matrix, ScaleType};

#[test]
fn ternary_rules_are_their_formulas() {
    let w = gaussian(1000, 14);
    let mean = w.iter().map(|w| w.abs() as f64).sum::<f64>() / 1000.0;
    let of = |rule| {
        Ternary::new(Group::Tensor, rule)
            .quantize(Dense::new(10, 100, &w).unwrap(), None)
            .unwrap()
    };
    let bitnet = of(Rule::AbsMean);
    assert!((bitnet.scales[0] as f64 / mean - 1.0).abs() < 1e-6);
    let twn = of(Rule::Twn);
    let kept = || w.iter().map(|w| w.abs() as f64).filter(|w| *w > 0.7 * mean);
    let alpha = kept().sum::<f64>() / kept().count() as f64;
    assert!((twn.scales[0] as f64 / alpha - 1.0).abs() < 1e-6);
    for ((w, b), t) in w.iter().zip(&bitnet.codes).zip(&twn.codes) {
        let sign = w.signum() as i8;
        assert_eq!(*b, if w.abs() as f64 > 0.5 * mean { sign } else { 0 }, "{w}");
        assert_eq!(*t, if w.abs() as f64 > 0.7 * mean { sign } else { 0 }, "{w}");
    }
    let zeros = [0.0; 16];
    for rule in [Rule::AbsMean, Rule::Twn, Rule::LeastSquares] {
        let found = Ternary::new(Group::Row, rule)
            .quantize(Dense::new(2, 8, &zeros).unwrap(), None)
            .unwrap();
        assert_eq!(found.dequantize().unwrap(), zeros);
    }
    // The threshold for a Gaussian is about 0.6 of its deviation.
    let many = gaussian(200_000, 15);
    let least = Rule::LeastSquares;
    let found = Ternary::new(Group::Tensor, least)
        .quantize(Dense::new(1, 200_000, &many).unwrap(), None)
        .unwrap();
    let threshold = found.scales[0] / 2.0;
    assert!((threshold - 0.612).abs() < 0.01, "{threshold}");
}

#[test]
fn least_squares_ternary_is_never_worse() {
    for seed in 0..20 {
        let (n, k, g) = (4, 24, 8);
        let w: Vec<f32> = gaussian(n * k, 100 + seed).iter().map(|x| x * x * x).collect();
        let dense = Dense::new(n, k, &w).unwrap();
        let importance: Vec<f32> = (0..k).map(|j| ((j * 7 + seed as usize) % 6) as f32).collect();
        for group in [Group::Tensor, Group::Row, Group::Len(g)] {
            for importance in [None, Some(&importance[..])] {
                let h = |i: usize| importance.map_or(1.0, |h| h[i % k] as f64);
                let error = |rule| {
                    let found = Ternary::new(group, rule).quantize(dense, importance);
                    let back = found.unwrap().dequantize().unwrap();
                    let terms = w.iter().zip(&back).enumerate();
                    terms.map(|(i, (w, q))| h(i) * ((w - q) as f64).powi(2)).sum::<f64>()
                };
                let least = error(Rule::LeastSquares);
                for rule in [Rule::AbsMean, Rule::Twn] {
                    let other = error(rule);
                    assert!(least <= other * (1.0 + 1e-6), "{group:?} {rule:?} {least} {other}");
                }
                // All 3^8 codes of a group, each with its best scale.
                if group == Group::Len(g) && seed < 4 {
                    let mut sum = 0.0;
                    for (run, x) in w.chunks(g).enumerate() {
                        let whole: f64 = (0..g).map(|i| h(run * g + i) * (x[i] as f64).powi(2)).sum();
                        let gain = (0..3usize.pow(g as u32)).map(|mut codes| {
                            let (mut up, mut down) = (0.0, 0.0);
                            for (i, x) in x.iter().enumerate() {
                                let t = (codes % 3) as f64 - 1.0;
                                codes /= 3;
                                up += h(run * g + i) * t * *x as f64;
                                down += h(run * g + i) * t * t;
                            }
                            if down > 0.0 { up * up / down } else { 0.0 }
                        });
                        sum += whole - gain.fold(0.0, f64::max);
                    }
                    assert!((least - sum).abs() <= 1e-5 * sum + 1e-9, "{least} {sum}");
                }
            }
        }
    }
}

#[test]
fn ternary_weights_become_matrices() {
    let (n, k) = (3, 512);
    let w = gaussian(n * k, 16);
    let dense = Dense::new(n, k, &w).unwrap();
    let of = |group| Ternary::new(group, Rule::LeastSquares).quantize(dense, None).unwrap();
    for group in [Group::Tensor, Group::Row, Group::Len(256), Group::Len(40)] {
        let found = of(group);
        let weights = found.dequantize().unwrap();
        assert_eq!(found.pack(ScaleType::F32).unwrap().dequantize(), weights);
        let half = found.pack(ScaleType::F16).unwrap();
        if group == Group::Len(40) {
            assert!(matches!(found.pack_tq2_0(), Err(Error::Argument { .. })));
            continue;
        }
        let gguf = found.pack_tq2_0().unwrap();
        assert_eq!(gguf.format(), Format::TQ2_0);
        assert_eq!(gguf.dequantize(), half.dequantize());
    }
    // With groups the scale is that of the format's own encoder.
    let found = of(Group::Len(32)).pack(ScaleType::F16).unwrap();
    let own = Matrix::quantize(Format::TERNARY, Dense::new(n, k, &w).unwrap()).unwrap();
    assert_eq!(found.inspect().scales, own.inspect().scales);
    let narrow = Ternary::new(Group::Row, Rule::Twn).quantize(Dense::new(n * 2, k / 2, &w).unwrap(), None);
    assert!(narrow.unwrap().pack_tq2_0().is_ok());
    let short = Ternary::new(Group::Row, Rule::Twn).quantize(Dense::new(2, 240, &w[..480]).unwrap(), None);
    assert!(matches!(short.unwrap().pack_tq2_0(), Err(Error::Block { .. })));
}

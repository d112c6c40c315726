use super::difference::{assert_close, away_from, doubles, gradient, normal};
use lowbit::train::lsq::{CodeRange, Lsq, gradient_scale};
use lowbit::{Error, Group};

#[test]
fn levels_are_those_of_the_paper() {
    let ends = |levels: CodeRange| (levels.qn(), levels.qp());
    assert_eq!(ends(CodeRange::signed(4).unwrap()), (8, 7));
    assert_eq!(ends(CodeRange::signed(2).unwrap()), (2, 1));
    assert_eq!(ends(CodeRange::unsigned(3).unwrap()), (0, 7));
    assert_eq!(ends(CodeRange::ternary()), (1, 1));
    assert_eq!(ends(CodeRange::signed(1).unwrap()), (1, 1));
    for bits in [0, 17] {
        assert!(matches!(CodeRange::signed(bits), Err(Error::Argument { .. })));
        assert!(matches!(CodeRange::unsigned(bits), Err(Error::Argument { .. })));
    }
}

/// Qn = 2, Qp = 1, s = 0.5; quotients 0.4, 0.8, 2, -1.8, -4. ∂v̂/∂s: -0.4, 0.2, 1, -0.2, -2.
#[test]
fn by_hand() {
    let v = [0.2, 0.4, 1.0, -0.9, -2.0];
    let lsq = Lsq::new(5, Group::Tensor, CodeRange::signed(2).unwrap());
    let s = [0.5];
    assert_eq!(lsq.codes(&v, &s).unwrap(), [0, 1, 1, -2, -2]);
    assert_eq!(lsq.forward(&v, &s).unwrap(), [0.0, 0.5, 0.5, -1.0, -1.0]);
    let got = lsq.backward(&v, &s, &[1.0; 5]).unwrap();
    assert_eq!(got.v, [1.0, 1.0, 0.0, 1.0, 0.0]);
    assert_close(&got.s, &[-1.4 / 5f64.sqrt()], 1e-6);
    // Mean 0.9, √Qp = 1.
    assert_close(&lsq.init(&v).unwrap(), &[1.8], 1e-6);
}

/// The estimator holds round(q) - q constant: v̂ = s · (clamp(v / s) + constant) is smooth inside a cell, and its
/// derivatives are the gradients.
#[test]
fn gradients_are_those_of_the_definition() {
    let all = [
        CodeRange::signed(1).unwrap(),
        CodeRange::signed(2).unwrap(),
        CodeRange::signed(4).unwrap(),
        CodeRange::unsigned(2).unwrap(),
        CodeRange::ternary(),
    ];
    for levels in all {
        let ends = [-f64::from(levels.qn()), f64::from(levels.qp())];
        let s = [0.35f32, 0.8];
        let half = |seed, s| away_from(normal(seed, 150), s, &[ends[0] as f32, ends[1] as f32])[..100].to_vec();
        let v = [half(1, s[0]), half(2, s[1])].concat();
        let dy = normal(3, v.len());
        let lsq = Lsq::new(100, Group::Row, levels);
        let codes = doubles(&lsq.forward(&v, &s).unwrap());
        // The amount that rounding adds to the clipped quotient at the point where the derivative is taken.
        let constants: Vec<f64> = (0..v.len())
            .map(|i| {
                let s = f64::from(s[i / 100]);
                codes[i] / s - (f64::from(v[i]) / s).clamp(ends[0], ends[1])
            })
            .collect();
        let loss = |v: &[f64], s: &[f64]| -> f64 {
            let term = |i: usize| {
                let s = s[i / 100];
                f64::from(dy[i]) * s * ((v[i] / s).clamp(ends[0], ends[1]) + constants[i])
            };
            (0..v.len()).map(term).sum()
        };
        let got = lsq.backward(&v, &s, &dy).unwrap();
        let (v, s) = (doubles(&v), doubles(&s));
        assert_close(&got.v, &gradient(&v, |v| loss(v, &s)), 1e-6);
        let g = 1.0 / (100.0 * ends[1]).sqrt();
        assert_eq!(gradient_scale(100, levels), g);
        let to_s: Vec<f64> = gradient(&s, |s| loss(&v, s)).iter().map(|d| d * g).collect();
        assert_close(&got.s, &to_s, 1e-6);
    }
}

/// One bit: -s and s, never 0, from the scale of least squared error.
#[test]
fn one_bit_has_signs() {
    let v = normal(4, 64);
    let lsq = Lsq::new(64, Group::Row, CodeRange::signed(1).unwrap());
    let s = lsq.init(&v).unwrap();
    let error = |s: f32| -> f64 {
        let y = lsq.forward(&v, &[s]).unwrap();
        y.iter().zip(&v).map(|(y, v)| f64::from(y - v).powi(2)).sum()
    };
    let best = error(s[0]);
    for factor in [0.9, 0.99, 1.01, 1.1] {
        assert!(error(factor * s[0]) > best, "{factor}");
    }
    let codes = lsq.codes(&v, &s).unwrap();
    assert!(codes.iter().zip(&v).all(|(c, v)| *c == if *v >= 0.0 { 1 } else { -1 }));
}

/// A step size trained by its gradient alone reaches the least squared error, within the estimator's error.
#[test]
fn a_step_learns_the_least_error() {
    let v = normal(5, 4096);
    for (bits, bound) in [(3, 1.02), (4, 1.02)] {
        let lsq = Lsq::new(4096, Group::Tensor, CodeRange::signed(bits).unwrap());
        let difference = |s: f32| -> Vec<f32> {
            let y = lsq.forward(&v, &[s]).unwrap();
            y.iter().zip(&v).map(|(y, v)| y - v).collect()
        };
        let error = |s: f32| -> f64 { difference(s).iter().map(|d| f64::from(*d).powi(2)).sum() };
        let start = lsq.init(&v).unwrap()[0];
        let mut s = start;
        for _ in 0..400 {
            let to_s = lsq.backward(&v, &[s], &difference(s)).unwrap().s[0];
            s -= 1e-3 * to_s;
        }
        let least = (1..400).map(|i| error(0.005 * i as f32)).fold(f64::MAX, f64::min);
        assert!(error(s) < error(start), "{bits} bits: {s} from {start}");
        assert!(error(s) <= bound * least, "{bits} bits: {} against {least}", error(s));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let lsq = Lsq::new(4, Group::Len(2), CodeRange::signed(4).unwrap());
    let v = [0.5f32; 8];
    let s = [1.0f32; 4];
    assert!(lsq.forward(&v, &s).is_ok());
    assert!(matches!(lsq.forward(&v, &s[..3]), Err(Error::Length { .. })));
    assert!(matches!(lsq.backward(&v, &s, &v[..7]), Err(Error::Length { .. })));
    let zero = [1.0, 0.0, 1.0, 1.0];
    assert!(matches!(lsq.forward(&v, &zero), Err(Error::Argument { .. })));
    let infinite = [0.0, f32::INFINITY, 0.0, 0.0];
    assert!(matches!(lsq.init(&infinite), Err(Error::NotFinite { column: 1, .. })));
    // Zeros give nonzero steps.
    assert_eq!(lsq.init(&[0.0; 8]).unwrap(), [1e-8; 4]);
}

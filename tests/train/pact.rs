use super::difference::{assert_close, away_from, doubles, gradient, normal};
use lowbit::Error;
use lowbit::train::pact::Pact;

/// Two bits, α = 3: activations 0, 1, 2, 3; halves to even.
#[test]
fn by_hand() {
    let pact = Pact::default().with_alpha(3.0).with_bits(2).with_lambda(0.01);
    let x = [-1.0, 0.4, 0.5, 1.5, 2.6, 3.0, 7.0];
    assert_eq!(pact.forward(&x).unwrap(), [0.0, 0.0, 0.0, 2.0, 3.0, 3.0, 3.0]);
    let got = pact.backward(&x, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).unwrap();
    assert_eq!(got.x, [0.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0]);
    assert_eq!(got.alpha, 13.0);
    assert_close(&[pact.penalty().0, pact.penalty().1], &[0.09, 0.06], 1e-6);
}

/// Without the rounding it is ½ (|x| − |x − α| + α), as the paper writes it.
#[test]
fn gradients_are_those_of_the_clipping() {
    let pact = Pact::default().with_alpha(0.9);
    let x = away_from(normal(1, 300), 1.0, &[0.0, 0.9]);
    let dy = normal(2, x.len());
    let loss = |x: &[f64], alpha: f64| -> f64 {
        let y = x.iter().map(|x| 0.5 * (x.abs() - (x - alpha).abs() + alpha));
        y.zip(&dy).map(|(y, dy)| y * f64::from(*dy)).sum()
    };
    let got = pact.backward(&x, &dy).unwrap();
    let x = doubles(&x);
    assert_close(&got.x, &gradient(&x, |x| loss(x, 0.9)), 1e-6);
    let to_alpha = gradient(&[0.9], |alpha| loss(&x, alpha[0]));
    assert_close(&[got.alpha], &to_alpha, 1e-6);
}

/// With many bits the rounding is at most half a step.
#[test]
fn rounding_is_at_most_half_a_step() {
    let x = normal(3, 5000);
    for bits in [1, 4, 8, 16] {
        let pact = Pact::default().with_alpha(1.3).with_bits(bits).with_lambda(0.0);
        let bound = 0.5 * pact.step() + 1e-6;
        for (y, x) in pact.forward(&x).unwrap().iter().zip(&x) {
            let error = (y - x.clamp(0.0, 1.3)).abs();
            assert!(error <= bound, "{bits} bits: {x} became {y}");
        }
    }
}

#[test]
fn what_is_out_of_range_is_refused() {
    let ok = Pact::default();
    for pact in [
        ok.with_alpha(0.0),
        ok.with_alpha(f32::NAN),
        ok.with_bits(0),
        ok.with_bits(17),
        ok.with_lambda(-1.0),
    ] {
        assert!(matches!(pact.forward(&[1.0]), Err(Error::Argument { .. })), "{pact:?}");
    }
    assert!(matches!(ok.backward(&[1.0], &[]), Err(Error::Length { .. })));
}

//! Weights, importance and options that are refused.

use super::{gaussian, hessian};
use lowbit::quantize::binary::Binary;
use lowbit::quantize::ternary::{Rule, Ternary};
use lowbit::quantize::vector::{Aqlm, KMeans};
use lowbit::{Dense, Error, Group};

#[test]
fn wrong_input_is_refused() {
    let w = gaussian(64, 17);
    let means = KMeans::new(4, 8);
    let fit = |points: &[f32], weights: Option<&[f32]>, means: &KMeans| means.fit(points, weights, &|_| ()).map(|_| ());
    let argument = |result: Result<(), Error>| matches!(result, Err(Error::Argument { .. }));
    assert!(argument(fit(&w[1..], None, &means)));
    assert!(argument(fit(&[], None, &means)));
    assert!(argument(fit(&w, None, &KMeans::new(0, 8))));
    assert!(argument(fit(&w, None, &KMeans::new(4, 0))));
    assert!(argument(fit(&w, Some(&[1.0; 7]), &means)));
    assert!(argument(fit(&w, Some(&[1.0; 24]), &means)));
    assert!(argument(fit(&w, Some(&[-1.0; 8]), &means)));
    let mut bad = w.clone();
    bad[13] = f32::NAN;
    let refused = fit(&bad, None, &means);
    assert!(
        matches!(
            refused,
            Err(Error::NotFinite {
                what: "number",
                row: 1,
                column: 5,
                ..
            })
        ),
        "{refused:?}"
    );
    let aqlm = Aqlm::default().with_bits(2);
    let with = |w: &[f32], k: usize, h: &[f32]| aqlm.quantize(Dense::new(4, k, w)?, h, &|_| ()).map(|_| ());
    let h = hessian(16, 50, 18);
    assert!(with(&w, 16, &h).is_ok());
    assert!(matches!(
        with(&w, 16, &h[1..]),
        Err(Error::Length {
            expected: 256,
            got: 255,
            ..
        })
    ));
    assert!(matches!(with(&w[1..], 16, &h), Err(Error::Length { .. })));
    assert!(argument(with(&w[..48], 12, &[1.0; 144])));
    let mut negative = h.clone();
    negative[17] = -1.0;
    assert!(argument(with(&w, 16, &negative)));
    // All inputs are 0: nothing matters, and nothing fails.
    assert!(with(&w, 16, &[0.0; 256]).is_ok());
    let refused = Binary::new(Group::Tensor).quantize(Dense::new(4, 16, &w).unwrap(), Some(&[1.0; 15]));
    assert!(matches!(refused, Err(Error::Argument { .. })));
    let ternary = Ternary::new(Group::Tensor, Rule::Twn);
    let refused = Dense::new(4, 16, &bad).and_then(|dense| ternary.quantize(dense, None));
    assert!(matches!(
        refused,
        Err(Error::NotFinite {
            what: "weight",
            row: 0,
            column: 13,
            ..
        })
    ));
}

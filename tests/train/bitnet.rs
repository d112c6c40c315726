use super::difference::normal;
use half::f16;
use lowbit::train::bitnet::{inputs_backward, inputs_forward, weights_backward, weights_forward};
use lowbit::{Dense, Error, Format, Group, Matrix, ScaleType};

/// The mean magnitude is 1: halves of γ round to the even code, 0, and values past 1.5 γ are clipped.
#[test]
fn by_hand() {
    let w = [0.5, -0.5, 0.75, -0.75, 2.5, -1.0];
    let got = weights_forward(&w, 6, Group::Tensor, ScaleType::F32).unwrap();
    assert_eq!(got.scales, [1.0]);
    assert_eq!(got.codes, [0, 0, 1, -1, 1, -1]);
    assert_eq!(got.values, [0.0, 0.0, 1.0, -1.0, 1.0, -1.0]);
    // Passed through everywhere, even for clipped weights.
    assert_eq!(weights_backward(&w), w);
    let zeros = weights_forward(&[0.0; 6], 6, Group::Tensor, ScaleType::F16).unwrap();
    assert_eq!((zeros.codes, zeros.values), (vec![0; 6], vec![0.0; 6]));
}

/// With f16 scales a packed matrix equals what training saw, since the format's own rounding finds the same codes.
#[test]
fn a_matrix_holds_the_same() {
    let (n, k, group) = (9, 100, 16);
    let w = normal(1, n * k);
    let got = weights_forward(&w, k, Group::Len(group), ScaleType::F16).unwrap();
    let first: f64 = w[..group].iter().map(|w| f64::from(w.abs())).sum();
    assert_eq!(got.scales[0], f16::from_f32((first / group as f64) as f32).to_f32());
    let format = Format::TERNARY.with_group(group).unwrap();
    let matrix = Matrix::quantize(format, Dense::new(n, k, &got.values).unwrap()).unwrap();
    assert_eq!(matrix.dequantize(), got.values);
}

#[test]
fn inputs_by_hand() {
    let x = [1.27, -0.635, 0.006, 0.0, 0.0, 0.0, 0.0, 0.0, -254.0, 3.0, 254.0, 1.0];
    let got = inputs_forward(&x, 4).unwrap();
    // -0.635 is -63.5 steps: the even -64 or, in f32, the nearest; 0.006 is 0.6 steps.
    assert_eq!(got.codes[4..], [0, 0, 0, 0, -127, 2, 127, 0]);
    assert_eq!((got.codes[0], got.codes[2], got.codes[3]), (127, 1, 0));
    assert_eq!(got.scales[2], 2.0);
    assert_eq!(got.values[8..], [-254.0, 4.0, 254.0, 0.0]);
    assert_eq!(inputs_backward(&x), x);
}

#[test]
fn inputs_are_within_half_a_step() {
    let k = 37;
    let x = normal(2, 50 * k);
    let got = inputs_forward(&x, k).unwrap();
    for (i, (x, y)) in x.iter().zip(&got.values).enumerate() {
        // Half a step and the rounding of the product.
        assert!((x - y).abs() <= 0.5001 * got.scales[i / k], "{i}: {x} became {y}");
    }
    let codes = got.codes.chunks(k);
    assert!(codes.into_iter().all(|t| t.iter().any(|c| c.abs() == 127)));
}

#[test]
fn what_does_not_fit_is_refused() {
    let weights = |w: &[f32], scale| weights_forward(w, 4, Group::Row, scale);
    assert!(matches!(weights(&[1.0; 5], ScaleType::F16), Err(Error::Length { .. })));
    assert!(matches!(
        weights(&[f32::NAN; 4], ScaleType::F16),
        Err(Error::NotFinite { .. })
    ));
    assert!(matches!(
        weights(&[1e6; 4], ScaleType::F16),
        Err(Error::ScaleRange { .. })
    ));
    assert!(matches!(weights(&[1.0; 4], ScaleType::E8M0), Err(Error::Scale { .. })));
    assert!(matches!(
        inputs_forward(&[1.0; 5], 4),
        Err(Error::Inputs { k: 4, got: 5, .. })
    ));
    assert!(matches!(inputs_forward(&[1.0; 5], 0), Err(Error::Inputs { .. })));
    assert!(inputs_forward(&[], 4).unwrap().codes.is_empty());
}

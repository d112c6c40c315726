use super::difference::{assert_close, away_from, doubles, gradient, normal};
use lowbit::train::fake::FakeQuantize;
use lowbit::{Error, Group};

fn tensor<'a>(len: usize, scales: &'a [f32], zeros: &'a [i32], range: (i32, i32)) -> FakeQuantize<'a> {
    FakeQuantize::new(len, Group::Tensor, scales, range).with_zeros(zeros)
}

/// Quotients 0.6, -0.6, 0.5 (a half, to even), 1.5 (to 2, clipped), -3.2 (clipped).
#[test]
fn by_hand() {
    let v = [0.3, -0.3, 0.25, 0.75, -1.6];
    let fake = tensor(5, &[0.5], &[], (-2, 1));
    assert_eq!(fake.codes(&v).unwrap(), [1, -1, 0, 1, -2]);
    assert_eq!(fake.forward(&v).unwrap(), [0.5, -0.5, 0.0, 0.5, -1.0]);
    let dy = [1.0, 2.0, 3.0, 4.0, 5.0];
    assert_eq!(fake.backward(&v, &dy).unwrap(), [1.0, 2.0, 3.0, 0.0, 0.0]);
}

/// Codes 0 to 15 with 0.0 at 3: from -1.5 to 6.
#[test]
fn zero_point_by_hand() {
    let v = [0.0, -1.5, -2.0, 6.0, 6.3, 1.2];
    let fake = tensor(6, &[0.5], &[3], (0, 15));
    assert_eq!(fake.codes(&v).unwrap(), [3, 0, 0, 15, 15, 5]);
    assert_eq!(fake.forward(&v).unwrap(), [0.0, -1.5, -1.5, 6.0, 6.0, 1.0]);
    assert_eq!(fake.backward(&v, &[1.0; 6]).unwrap(), [1.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
}

/// The estimator is the derivative of a clamp at the ends where clipping begins, half a step past the last codes.
#[test]
fn gradient_is_that_of_a_clamp() {
    let (s, zero, range) = (0.3f32, 2, (-4, 3));
    let ends = [f64::from(range.0 - zero) - 0.5, f64::from(range.1 - zero) + 0.5];
    let v = away_from(normal(1, 300), s, &ends.map(|e| e as f32));
    let dy = normal(2, v.len());
    let fake = tensor(v.len(), std::slice::from_ref(&s), &[2], range);
    let expected = gradient(&doubles(&v), |v| {
        let ends = ends.map(|e| e * f64::from(s));
        let clamped = v.iter().map(|v| v.clamp(ends[0], ends[1]));
        clamped.zip(&dy).map(|(v, dy)| v * f64::from(*dy)).sum()
    });
    assert_close(&fake.backward(&v, &dy).unwrap(), &expected, 1e-7);
}

#[test]
fn every_group_has_its_own_scale() {
    let scales = [1.0, 2.0, 4.0, 0.5, 0.25, 8.0];
    let fake = FakeQuantize::new(5, Group::Len(2), &scales, (-8, 7));
    let v = [1.2f32; 10];
    let expected = [1.0, 1.0, 2.0, 2.0, 0.0, 1.0, 1.0, 1.25, 1.25, 0.0];
    assert_eq!(fake.forward(&v).unwrap(), expected);
}

#[test]
fn what_does_not_fit_is_refused() {
    let v = [1.0f32; 6];
    let ok = tensor(6, &[1.0], &[], (-8, 7));
    let length = |r: Result<Vec<f32>, Error>| assert!(matches!(r, Err(Error::Length { .. })), "{r:?}");
    let argument = |r: Result<Vec<f32>, Error>| assert!(matches!(r, Err(Error::Argument { .. })), "{r:?}");
    length(ok.forward(&v[..5]));
    length(ok.backward(&v, &v[..5]));
    length(tensor(6, &[1.0, 1.0], &[], (-8, 7)).forward(&v));
    length(tensor(6, &[1.0], &[0, 0], (-8, 7)).forward(&v));
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        argument(tensor(6, &[scale], &[], (-8, 7)).forward(&v));
    }
    argument(tensor(6, &[1.0], &[], (7, 7)).forward(&v));
    argument(tensor(6, &[1.0], &[i32::MAX], (-8, 7)).forward(&v));
    let nan = [0.0, 0.0, f32::NAN, 0.0, 0.0, 0.0];
    assert!(ok.forward(&nan).unwrap()[2].is_nan());
    assert!(matches!(ok.codes(&nan), Err(Error::NotFinite { column: 2, .. })));
}

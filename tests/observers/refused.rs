//! Values and options that are refused, and counts of any size that are not.

use super::range;
use lowbit::calibrate::affine::{self, QuantParams, Scheme};
use lowbit::calibrate::observers::{
    Columns, Cut, Entropy, Histogram, MinMax, MovingAverage, Mse, Observer, Percentile,
};
use lowbit::{Dense, Error, Group};

#[test]
fn wrong_input_is_refused() {
    let all: [Box<dyn Fn() -> Box<dyn Observer>>; 6] = [
        Box::new(|| Box::new(MinMax::new())),
        Box::new(|| Box::new(MovingAverage::default())),
        Box::new(|| Box::new(Percentile::default())),
        Box::new(|| Box::new(Mse::new(Scheme::Symmetric, 4))),
        Box::new(|| Box::new(Entropy::default())),
        Box::new(|| Box::new(Histogram::new(8))),
    ];
    for (i, make) in all.iter().enumerate() {
        let mut observer = make();
        assert!(matches!(observer.range(), Err(Error::Argument { .. })), "{i}");
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let refused = observer.observe(&[1.0, bad]);
            assert!(
                matches!(refused, Err(Error::NotFinite { column: 1, .. })),
                "{i} {refused:?}"
            );
        }
        // A refused batch leaves no trace.
        assert!(observer.range().is_err(), "{i}");
        observer.observe(&[-1.0, 0.0, 2.0]).unwrap();
        let range = observer.range().unwrap();
        assert!(
            range.lo <= 0.0 && range.hi > 0.0 && range.lo >= -1.0 && range.hi <= 2.0,
            "{i} {range:?}"
        );
        // Floats of very different size.
        let mut observer = make();
        observer.observe(&[1e-40, -1e-40]).unwrap();
        observer.observe(&[f32::MAX, -f32::MAX]).unwrap();
        let range = observer.range().unwrap();
        assert!(range.lo.is_finite() && range.hi.is_finite(), "{i} {range:?}");
    }
    for bits in [0, 1, 9] {
        assert!(QuantParams::from_range(range(0.0, 1.0), Scheme::Symmetric, bits).is_err());
    }
    assert!(QuantParams::from_range(range(1.0, 0.0), Scheme::Symmetric, 8).is_err());
    let ones = Dense::new(2, 4, &[1.0; 8]).unwrap();
    assert!(affine::min_max_params(ones, Group::Len(0), Scheme::Symmetric, 8).is_err());
    let mut bad = [1.0; 8];
    bad[5] = f32::NAN;
    let refused = Dense::new(2, 4, &bad).map(|_| ());
    assert!(matches!(
        refused,
        Err(Error::NotFinite {
            what: "weight",
            row: 1,
            column: 1,
            ..
        })
    ));
    assert!(Dense::new(2, 4, &[1.0; 7]).is_err());
    let refused = affine::quantize(ones, Group::Row, &[]);
    assert!(matches!(
        refused,
        Err(Error::Length {
            expected: 2,
            got: 0,
            ..
        })
    ));
    for percentile in [-1.0, 101.0, f64::NAN] {
        let mut observer = Percentile::new(percentile, Cut::BothSides, 64);
        observer.observe(&[1.0]).unwrap();
        assert!(observer.range().is_err());
    }
}

/// An arbitrarily large number of bins or columns takes no memory.
#[test]
fn no_number_of_bins_or_columns_is_too_large_to_be_told() {
    let x = [-1.0, 0.5, 2.0];
    let mut all: [Box<dyn Observer>; 3] = [
        Box::new(Percentile::new(100.0, Cut::BothSides, usize::MAX)),
        Box::new(Percentile::new(100.0, Cut::Magnitudes, 0)),
        Box::new(Histogram::with_bins(8, usize::MAX)),
    ];
    for observer in &mut all {
        observer.observe(&x).unwrap();
        let range = observer.range().unwrap();
        assert!(range.lo <= 0.0 && range.hi >= 0.5, "{range:?}");
    }
    for (k, group) in [(usize::MAX, 1), (usize::MAX, 2), (1 << 40, 1)] {
        let refused = Columns::new(k, group, MinMax::new).expect_err("too many");
        assert!(matches!(refused, Error::Argument { .. }), "{refused}");
    }
    assert!(Columns::new(usize::MAX, usize::MAX, MinMax::new).is_ok());
}

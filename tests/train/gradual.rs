use lowbit::Error;
use lowbit::train::gradual::{BitSchedule, Blend, blend, blend_backward};

/// Halfway, the cubic curve is at 1 - 1/8.
#[test]
fn the_share_rises_once() {
    let cubic = Blend::cubic(100, 300);
    assert_eq!(
        [0, 100, 200, 300, 1000].map(|s| cubic.share(s)),
        [0.0, 0.0, 0.875, 1.0, 1.0]
    );
    let shares: Vec<f32> = (0..400).map(|s| cubic.share(s)).collect();
    assert!(shares.is_sorted() && shares.iter().all(|s| (0.0..=1.0).contains(s)));
    assert!(shares[101..300].windows(2).all(|pair| pair[0] < pair[1]));
    let line = cubic.with_power(1.0);
    assert_eq!(line.share(150), 0.25);
    let at_once = Blend::cubic(50, 50);
    assert_eq!([49, 50].map(|s| at_once.share(s)), [0.0, 1.0]);
}

#[test]
fn a_blend_is_linear() {
    let (w, q) = ([1.0, -2.0, 0.3], [2.0, -4.0, 0.1]);
    assert_eq!(blend(&w, &q, 0.0).unwrap(), w);
    assert_eq!(blend(&w, &q, 1.0).unwrap(), q);
    assert_eq!(blend(&w, &q, 0.5).unwrap(), [1.5, -3.0, 0.2]);
    let dy = [8.0, -4.0, 2.0];
    let (to_w, to_q) = blend_backward(&dy, 0.25).unwrap();
    assert_eq!(to_w, [6.0, -3.0, 1.5]);
    assert_eq!(to_q, [2.0, -1.0, 0.5]);
    assert!(matches!(blend(&w, &q[..2], 0.5), Err(Error::Length { .. })));
    for a in [-0.1, 1.1, f32::NAN] {
        assert!(matches!(blend(&w, &q, a), Err(Error::Argument { .. })));
        assert!(matches!(blend_backward(&dy, a), Err(Error::Argument { .. })));
    }
}

#[test]
fn bits_fall_in_stages() {
    let bits = BitSchedule::halved(8, 2, 100).unwrap();
    assert_eq!(bits.stages, [8, 4, 2]);
    assert_eq!(
        [0, 99, 100, 199, 200, u64::MAX].map(|s| bits.at(s).unwrap()),
        [8, 8, 4, 4, 2, 2]
    );
    assert_eq!(BitSchedule::halved(8, 3, 1).unwrap().stages, [8, 4, 3]);
    assert_eq!(BitSchedule::halved(4, 4, 1).unwrap().stages, [4]);
    for (first, last, steps) in [(2, 4, 1), (4, 0, 1), (4, 2, 0)] {
        assert!(matches!(
            BitSchedule::halved(first, last, steps),
            Err(Error::Argument { .. })
        ));
    }
    let none = BitSchedule::new(Vec::new(), 1);
    assert!(matches!(none.at(0), Err(Error::Argument { .. })));
}

use super::difference::normal;
use lowbit::train::lsq::{CodeRange, Lsq};
use lowbit::{Error, Group};

#[test]
fn scales_are_counted_by_rows() {
    let count = |k, group, len| {
        let lsq = Lsq::new(k, group, CodeRange::ternary());
        lsq.init(&vec![1.0; len]).map(|steps| steps.len())
    };
    assert_eq!(count(784, Group::Len(32), 2 * 784).unwrap(), 50);
    assert_eq!(count(784, Group::Row, 2 * 784).unwrap(), 2);
    assert_eq!(count(784, Group::Tensor, 2 * 784).unwrap(), 1);
    assert_eq!(count(8, Group::Len(32), 24).unwrap(), 3);
    for group in [Group::Row, Group::Tensor, Group::Len(8)] {
        assert!(matches!(count(784, group, 785), Err(Error::Length { .. })));
        assert!(matches!(count(784, group, 0), Err(Error::Length { .. })));
        assert!(matches!(count(0, group, 784), Err(Error::Argument { .. })));
    }
    assert!(matches!(count(8, Group::Len(0), 8), Err(Error::Argument { .. })));
}

#[test]
fn threads_change_no_bit() {
    let (n, k) = (67, 200);
    let (v, dy) = (normal(1, n * k), normal(2, n * k));
    let all = || {
        let lsq = Lsq::new(k, Group::Len(32), CodeRange::signed(3).unwrap());
        let s = lsq.init(&v).unwrap();
        let y = lsq.forward(&v, &s).unwrap();
        (y, lsq.backward(&v, &s, &dy).unwrap())
    };
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let one = pool(1).install(all);
    assert_eq!(one, pool(2).install(all));
    assert_eq!(one, pool(5).install(all));
}

use super::difference::normal;
use lowbit::train::Groups;
use lowbit::train::lsq::{Levels, backward, forward, init};

#[test]
fn scales_are_counted_by_rows() {
    let count = |groups: Groups, len| groups.count(len);
    assert_eq!(count(Groups::new(784, 32).unwrap(), 2 * 784).unwrap(), 50);
    assert_eq!(count(Groups::rows(784).unwrap(), 2 * 784).unwrap(), 2);
    assert_eq!(count(Groups::tensor(1568).unwrap(), 2 * 784).unwrap(), 1);
    assert_eq!(count(Groups::new(8, 32).unwrap(), 24).unwrap(), 3);
    assert!(count(Groups::rows(784).unwrap(), 785).is_err());
    assert!(count(Groups::rows(784).unwrap(), 0).is_err());
    assert!(Groups::new(0, 8).is_err() && Groups::new(8, 0).is_err());
}

#[test]
fn threads_change_no_bit() {
    let (n, k) = (67, 200);
    let (v, dy) = (normal(1, n * k), normal(2, n * k));
    let groups = Groups::new(k, 32).unwrap();
    let all = || {
        let levels = Levels::signed(3).unwrap();
        let s = init(&v, groups, levels).unwrap();
        let y = forward(&v, &s, groups, levels).unwrap();
        (y, backward(&v, &s, groups, levels, &dy).unwrap())
    };
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let one = pool(1).install(all);
    assert_eq!(one, pool(2).install(all));
    assert_eq!(one, pool(5).install(all));
}

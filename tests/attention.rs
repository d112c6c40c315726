//! Attention on the CPU against f64, rotary embedding against its formula.

#[path = "common/attention.rs"]
mod common;

use common::{Case, cases, check};
use lowbit::Error;
use lowbit::kv::{Attention, AttentionOptions, KvType, Rope, RopeScaling, Side};

/// Takes in all rows in calls of these sizes, each call's rows attending at once; the outputs of all rows.
fn run(case: &Case, step: usize) -> (Attention, Vec<f32>) {
    let options = case.options;
    let (q, k) = (options.q_heads * options.keys.d, options.kv_heads * options.keys.d);
    let v = options.kv_heads * options.values.d;
    let mut layer = Attention::new(options).unwrap();
    layer.set_sinks(&case.sinks).unwrap();
    let mut y = Vec::new();
    for first in (0..case.places.len()).step_by(step) {
        let end = case.places.len().min(first + step);
        let places = &case.places[first..end];
        layer
            .append(&case.k[first * k..end * k], &case.v[first * v..end * v], places)
            .unwrap();
        y.extend(layer.attend(&case.q[first * q..end * q], places).unwrap());
    }
    (layer, y)
}

#[test]
fn attention_is_that_of_f64() {
    let mut worst = 0f64;
    for case in cases() {
        let first = case.first();
        let row = case.options.q_heads * case.options.values.d;
        let want = case.want(first);
        // One by one and all at once: the same bits, since a row does not depend on others.
        let (_, y) = run(&case, 1);
        let (_, together) = run(&case, case.places.len());
        assert_eq!(y[first * row..], together[first * row..]);
        worst = worst.max(check(&y[first * row..], &want).unwrap_or_else(|e| panic!("{:?}: {e}", case.options)));
    }
    println!("largest error {worst:.3} of its bound");
}

/// Each difference must show.
#[test]
fn other_attention_is_reported() {
    let case = &cases()[8];
    let (_, y) = run(case, 7);
    check(&y, &case.want(0)).unwrap();
    for other in case.others() {
        assert!(check(&y, &other.want(0)).is_err(), "{:?}", other.options);
    }
    let mut swapped = case.clone();
    swapped.v.rotate_left(case.options.values.d);
    assert!(check(&y, &swapped.want(0)).is_err());
}

#[test]
fn what_cannot_be_is_refused() {
    let options = AttentionOptions::new(4, 2, 32, KvType::Q8_0, 10);
    let refused = |options: AttentionOptions, parts: &[&str]| {
        let error = Attention::new(options).unwrap_err().to_string();
        assert!(parts.iter().all(|p| error.contains(p)), "{error}");
    };
    refused(AttentionOptions::new(5, 2, 32, KvType::Q8_0, 10), &["2 key heads", "5"]);
    refused(AttentionOptions::new(4, 0, 32, KvType::Q8_0, 10), &["key heads", "0"]);
    refused(
        AttentionOptions::new(4, 2, 36, KvType::F16, 10),
        &["multiple of 8", "36"],
    );
    refused(AttentionOptions::new(4, 2, 264, KvType::F16, 10), &["256", "264"]);
    refused(AttentionOptions::new(4, 2, 40, KvType::Q8_0, 10), &["32", "40"]);
    refused(options.with_scale(f32::NAN), &["scale", "NaN"]);
    refused(options.with_capacity(usize::MAX / 8), &["vectors of a cache"]);
    let kivi = KvType::Kivi {
        bits: 2,
        group: 32,
        residual: 32,
        side: Side::Keys,
    };
    refused(AttentionOptions::new(4, 2, 32, kivi, 10), &["KIVI"]);

    let mut layer = Attention::new(options).unwrap();
    let (k, q) = ([0.5; 64], [0.5; 128]);
    assert!(matches!(layer.append(&k, &k, &[10]), Err(Error::Argument { .. })));
    assert!(matches!(layer.append(&k, &k[1..], &[1]), Err(Error::Length { .. })));
    let mut bad = k;
    bad[40] = f32::INFINITY;
    assert!(matches!(layer.append(&k, &bad, &[0]), Err(Error::NotFinite { .. })));
    assert!(matches!(layer.attend(&q, &[0, 1]), Err(Error::Length { .. })));
    // Nothing was taken in.
    let y = layer.attend(&q, &[0]).unwrap();
    assert!(y.iter().all(|y| *y == 0.0));
    let sinks = Attention::new(options.with_sinks(true)).unwrap();
    assert!(matches!(sinks.attend(&q, &[0]), Err(Error::Length { .. })));
    assert!(layer.attend(&[], &[]).unwrap().is_empty());
}

/// Pairs are turned as the formula says, keep their length, and the product of two depends on their distance only.
#[test]
fn positions_turn_pairs() {
    for interleaved in [false, true] {
        let rope = Rope::new(16, 10_000.0, RopeScaling::None, interleaved, 1000).unwrap();
        let x: Vec<f32> = (0..2 * 20).map(|i| (i as f32 * 0.7).sin()).collect();
        let at = |position: usize| {
            let mut turned = x.clone();
            rope.apply(&mut turned, 20, &[position]).unwrap();
            turned
        };
        assert_eq!(at(0), x);
        for position in [1, 37, 999] {
            let turned = at(position);
            for vector in 0..2 {
                let (x, turned) = (&x[vector * 20..][..20], &turned[vector * 20..][..20]);
                assert_eq!(x[16..], turned[16..]);
                for pair in 0..8 {
                    let angle = position as f64 * 10_000f64.powf(-(pair as f64) / 8.0);
                    let (i, j) = if interleaved {
                        (2 * pair, 2 * pair + 1)
                    } else {
                        (pair, pair + 8)
                    };
                    let (a, b) = (f64::from(x[i]), f64::from(x[j]));
                    let want = [a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()];
                    assert!((f64::from(turned[i]) - want[0]).abs() < 2e-7);
                    assert!((f64::from(turned[j]) - want[1]).abs() < 2e-7);
                }
            }
        }
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        assert!((dot(&at(5), &at(12)) - dot(&at(505), &at(512))).abs() < 1e-5);
    }
    assert!(Rope::new(7, 1e4, RopeScaling::None, false, 10).is_err());
    assert!(Rope::new(8, -1.0, RopeScaling::None, false, 10).is_err());
    let rope = Rope::new(8, 1e4, RopeScaling::None, false, 10).unwrap();
    assert!(rope.apply(&mut [0.0; 8], 8, &[10]).is_err());
    assert!(rope.apply(&mut [0.0; 12], 8, &[1]).is_err());
}

/// Scalings leave fast pairs alone and divide slow ones; equal to frequencies given by hand.
#[test]
fn angles_are_scaled() {
    let plain = Rope::new(64, 5e5, RopeScaling::None, false, 4).unwrap();
    let of = |scaling| Rope::new(64, 5e5, scaling, false, 4).unwrap();
    let angle = |rope: &Rope, pair: usize| {
        let [cos, sin] = rope.angles()[32 + pair];
        f64::from(sin).atan2(f64::from(cos))
    };
    let ratio = |rope: &Rope, pair: usize| angle(&plain, pair) / angle(rope, pair);
    let linear = of(RopeScaling::Linear { factor: 4.0 });
    assert!((0..32).all(|pair| (ratio(&linear, pair) - 4.0).abs() < 1e-4));
    let llama3 = of(RopeScaling::Llama3 {
        factor: 8.0,
        low: 1.0,
        high: 4.0,
        original: 8192,
    });
    // 8192 / 2 pi turns at pair 0; one turn at pair 17.5, four at 14.1.
    assert_eq!(ratio(&llama3, 0), 1.0);
    assert_eq!(ratio(&llama3, 14), 1.0);
    assert!((ratio(&llama3, 18) - 8.0).abs() < 1e-4 && (ratio(&llama3, 31) - 8.0).abs() < 1e-3);
    assert!((1.1..7.9).contains(&ratio(&llama3, 16)));
    let yarn = of(RopeScaling::Yarn {
        factor: 8.0,
        fast: 32.0,
        slow: 1.0,
        original: 8192,
        attention: 1.2,
    });
    assert!((ratio(&yarn, 0) - 1.0).abs() < 1e-6 && (ratio(&yarn, 31) - 8.0).abs() < 1e-3);
    let [cos, sin] = yarn.angles()[32];
    assert!((cos.hypot(sin) - 1.2).abs() < 1e-6);
    let given = Rope::with_divisors(&[1.0; 32], 5e5, false, 4).unwrap();
    assert_eq!(given, plain);
    let halved = Rope::with_divisors(&[2.0; 32], 5e5, false, 4).unwrap();
    assert!((0..32).all(|pair| (ratio(&halved, pair) - 2.0).abs() < 1e-4));
    assert!(matches!(
        Rope::with_divisors(&[], 5e5, false, 4),
        Err(Error::Argument { .. })
    ));
    assert!(matches!(
        Rope::with_divisors(&[f32::NAN], 5e5, false, 4),
        Err(Error::Argument { .. })
    ));
    let vast = Rope::new(64, 1e4, RopeScaling::None, false, 1 << 50);
    assert!(matches!(vast, Err(Error::Argument { .. } | Error::TooLarge { .. })));
}

//! Parts that do not fit give an error with the part and both numbers.

use super::given;
use super::parts::{K, N};
use half::f16;
use lowbit::{Error, Linear, OutputScale, RmsNorm, Rotation};

#[test]
fn parts_that_do_not_fit() {
    let (matrix, ..) = given();
    let linear = || Linear::new(matrix.clone());
    let message = |result: lowbit::Result<Linear>| match result.unwrap_err() {
        error @ Error::Part { .. } => error.to_string(),
        other => panic!("{other}"),
    };
    let count: Vec<u32> = (0..K as u32).collect();
    let with = |change: &dyn Fn(&mut Vec<u32>)| {
        let mut permutation = count.clone();
        change(&mut permutation);
        message(linear().with_permutation(permutation))
    };
    assert_eq!(with(&|p| p.truncate(5)), "permutation: its length should be 64, got 5");
    assert_eq!(with(&|p| p[2] = 64), "permutation: number 2 should be under 64, got 64");
    assert_eq!(
        with(&|p| p[3] = 1),
        "permutation: number 3 should be there once, got 1, as number 1 is"
    );
    assert_eq!(
        with(&|p| p[0] = u32::MAX),
        format!("permutation: number 0 should be under 64, got {}", u32::MAX)
    );

    let nan = |count: usize| {
        let mut values = vec![1.0; count];
        values[1] = f32::NAN;
        values
    };
    assert_eq!(
        message(linear().with_input_scales(vec![1.0; K - 1])),
        "input scales: its length should be 64, got 63"
    );
    assert_eq!(
        message(linear().with_input_scales(nan(K))),
        "input scales: number 1 should be finite, got NaN"
    );
    assert_eq!(
        message(linear().with_output_scales(vec![1.0; N + 1])),
        "output scales: its length should be 8, got 9"
    );
    assert_eq!(
        message(linear().with_output_scales(nan(N))),
        "output scales: number 1 should be finite, got NaN"
    );
    assert_eq!(
        message(linear().with_bias(vec![0.0; 9])),
        "bias: its length should be 8, got 9"
    );
    assert_eq!(
        message(linear().with_bias(nan(N))),
        "bias: number 1 should be finite, got NaN"
    );

    let rotation = |block, signs| message(linear().with_rotation(Rotation { block, signs }));
    for block in [0, 3, 128, 48] {
        assert_eq!(
            rotation(block, vec![]),
            format!("rotation: its block should be a power of two that divides k = 64, got {block}")
        );
    }
    assert_eq!(
        rotation(8, vec![1.0; 3]),
        "rotation signs: its length should be 64, got 3"
    );
    assert_eq!(
        rotation(8, vec![2.0; K]),
        "rotation signs: number 0 should be 1 or -1, got 2"
    );
    assert_eq!(
        rotation(8, nan(K)),
        "rotation signs: number 1 should be 1 or -1, got NaN"
    );

    let block = 16;
    let signs = vec![];
    assert_eq!(
        message(linear().with_output_rotation(Rotation { block, signs })),
        "output rotation: its block should be a power of two that divides n = 8, got 16"
    );
    let block = 8;
    let signs = vec![1.0; K];
    assert_eq!(
        message(linear().with_output_rotation(Rotation { block, signs })),
        "output rotation signs: its length should be 8, got 64"
    );
    let norm = |weight, eps| message(linear().with_norm(RmsNorm { weight, eps }));
    assert_eq!(norm(vec![1.0; N], 0.0), "norm weights: its length should be 64, got 8");
    assert_eq!(norm(nan(K), 0.0), "norm weights: number 1 should be finite, got NaN");
    for eps in [-1.0, f32::INFINITY] {
        assert_eq!(
            norm(vec![1.0; K], eps),
            format!("norm: its eps should be finite and not negative, got {eps}")
        );
    }

    let outliers =
        |columns: Vec<u32>, weights: usize| message(linear().with_outliers(columns, vec![f16::ONE; weights]));
    assert_eq!(
        outliers(vec![64], N),
        "outlier columns: number 0 should be under 64, got 64"
    );
    assert_eq!(
        outliers(vec![1, 1], 2 * N),
        "outlier columns: number 1 should be there once, got 1, as number 0 is"
    );
    assert_eq!(
        outliers(vec![1], N + 1),
        "outlier weights: its length should be 8, got 9"
    );
    assert_eq!(
        outliers(vec![0; K + 1], N * (K + 1)),
        "outlier columns: its length should be at most 64, got 65"
    );
    let infinite = linear().with_outliers(vec![0], vec![f16::INFINITY; N]);
    assert_eq!(message(infinite), "outlier weights: number 0 should be finite, got inf");

    for scale in [OutputScale::Multiply(f32::NAN), OutputScale::Divide(f32::INFINITY)] {
        assert!(message(linear().with_scale(scale)).starts_with("scale: number 0 should be finite"));
    }
    assert_eq!(
        message(linear().with_scale(OutputScale::Divide(0.0))),
        "scale: what is divided by should be not 0, got 0"
    );
    let error = linear().matmul(&[0.0; K + 1]).unwrap_err();
    assert!(matches!(error, Error::Inputs { k: K, got, .. } if got == K + 1));
}

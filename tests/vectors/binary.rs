//! Binary weights: their scales are mean magnitudes.

use super::gaussian;
use lowbit::quantize::binary::Binary;
use lowbit::{Dense, Error, Format, Group, Matrix, ScaleType};

#[test]
fn binary_scales_are_mean_magnitudes() {
    let (n, k, g) = (6, 48, 16);
    let mut w = gaussian(n * k, 13);
    w[3] = 0.0;
    let dense = Dense::new(n, k, &w).unwrap();
    let importance: Vec<f32> = (0..k).map(|j| (j % 5) as f32).collect();
    for group in [Group::Tensor, Group::Row, Group::Len(g)] {
        for importance in [None, Some(&importance[..])] {
            let found = Binary::new(group).quantize(dense, importance).unwrap();
            let error = |scales: &[f32]| -> f64 {
                let mut trial = found.clone();
                trial.scales = scales.to_vec();
                let back = trial.dequantize().unwrap();
                let terms = w.iter().zip(&back).enumerate();
                terms
                    .map(|(i, (w, q))| {
                        let h = importance.map_or(1.0, |h| h[i % k] as f64);
                        h * ((w - q) as f64).powi(2)
                    })
                    .sum()
            };
            let least = error(&found.scales);
            for i in 0..found.scales.len() {
                for by in [0.99, 1.01] {
                    let mut scales = found.scales.clone();
                    scales[i] *= by;
                    assert!(error(&scales) > least, "{group:?} {i}");
                }
            }
            if importance.is_none() {
                let run = match group {
                    Group::Tensor => n * k,
                    Group::Row => k,
                    Group::Len(g) => g,
                    other => panic!("{other}"),
                };
                for (run, scale) in w.chunks(run).zip(&found.scales) {
                    let mean = run.iter().map(|w| w.abs()).sum::<f32>() / run.len() as f32;
                    assert!((scale / mean - 1.0).abs() < 1e-5);
                }
            }
            let matrix = found.pack(ScaleType::F32).unwrap();
            assert_eq!(matrix.dequantize(), found.dequantize().unwrap());
        }
    }
    // With groups it equals the format's own rounding.
    let found = Binary::new(Group::Len(g)).quantize(dense, None).unwrap();
    let format = Format::INT1.with_group(g).unwrap();
    assert_eq!(
        found.pack(ScaleType::F16).unwrap(),
        Matrix::quantize(format, Dense::new(n, k, &w).unwrap()).unwrap()
    );
    let odd = Binary::new(Group::Len(12)).quantize(dense, None).unwrap();
    assert!(matches!(
        odd.pack(ScaleType::F16),
        Err(Error::Group {
            got: Group::Len(12),
            ..
        })
    ));
    assert!(matches!(odd.pack(ScaleType::E8M0), Err(Error::Scale { .. })));
}

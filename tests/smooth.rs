//! SmoothQuant and the outliers of LLM.int8(): factors against their formula, outputs unchanged by folding, and smaller
//! errors of 8-bit products.

mod common;

use common::layouts::layout;
use half::f16;
use lowbit::calibrate::outliers::{Outliers, split};
use lowbit::calibrate::smooth::*;
use lowbit::random::SplitMix64;
use lowbit::{Dense, Error, Format, Group, Linear, Matrix, Precision};

fn normals(count: usize, seed: u64) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.normal() as f32).collect()
}

/// Inputs with every 24th channel 40 times as large.
fn with_outliers(rows: usize, k: usize, seed: u64) -> Vec<f32> {
    let mut x = normals(rows * k, seed);
    for row in x.chunks_mut(k) {
        row.iter_mut().skip(5).step_by(24).for_each(|x| *x *= 40.0);
    }
    x
}

fn maxima(k: usize, x: &[f32]) -> ChannelMaxima {
    let mut maxima = ChannelMaxima::new(k);
    maxima.add(x).unwrap();
    maxima
}

/// `x · wᵀ` in f64.
fn product(k: usize, x: &[f32], w: &[f32]) -> Vec<f64> {
    let dot = |x: &[f32], w: &[f32]| -> f64 { x.iter().zip(w).map(|(&x, &w)| f64::from(x) * f64::from(w)).sum() };
    let rows = x.chunks(k);
    rows.flat_map(|x| w.chunks(k).map(move |w| dot(x, w))).collect()
}

fn square_error(y: impl IntoIterator<Item = f64>, exact: &[f64]) -> f64 {
    y.into_iter().zip(exact).map(|(y, e)| (y - e).powi(2)).sum()
}

#[test]
fn formula() {
    let (k, rows) = (48, 9);
    let (a, b) = (normals(10 * k, 1), normals(3 * k, 2));
    let mut x = with_outliers(rows, k, 3);
    x.chunks_mut(k).for_each(|row| row[7] = 0.0);
    let layers = [Dense::new(10, k, &a).unwrap(), Dense::new(3, k, &b).unwrap()];
    // In two batches.
    let mut seen = maxima(k, &x[..4 * k]);
    seen.add(&x[4 * k..]).unwrap();
    for alpha in [0.0, 0.5, 0.8, 1.0] {
        let smooth = Smooth::default().with_alpha(alpha);
        let scales = smooth.scales(&seen, &layers).unwrap();
        for (j, &s) in scales.iter().enumerate() {
            let largest = |rows: &[f32]| {
                let column = rows.iter().skip(j).step_by(k);
                column.fold(0f64, |max, &v| max.max(f64::from(v).abs()))
            };
            let (x, w) = (largest(&x), largest(&a).max(largest(&b)));
            let alpha = f64::from(alpha);
            let expected = match j {
                7 => 1.0, // never used
                _ => x.powf(alpha) / w.powf(1.0 - alpha),
            };
            assert!(
                (f64::from(s) / expected - 1.0).abs() <= 1e-6,
                "{alpha}, {j}: {s}, {expected}"
            );
        }
    }
    assert_eq!(Smooth::default().alpha, 0.5);
}

/// Norm followed by linear, and linear with bias followed by linear: the same outputs up to f32 rounding.
#[test]
fn outputs_stay() {
    let (k, n, rows) = (48, 7, 11);
    let hidden = with_outliers(rows, k, 4);
    let weights = normals(n * k, 5);
    let layer = Dense::new(n, k, &weights).unwrap();
    let close = |y: &[f64], exact: &[f64], most: f64| {
        for (y, e) in y.iter().zip(exact) {
            assert!((y - e).abs() <= most, "{y}, {e}");
        }
    };

    let (mut gain, mut bias) = (normals(k, 6), normals(k, 7));
    let norm = |gain: &[f32], bias: &[f32]| -> Vec<f32> {
        let row = |row: &[f32]| -> Vec<f32> { (0..k).map(|j| row[j] * gain[j] + bias[j]).collect() };
        hidden.chunks(k).flat_map(row).collect()
    };
    let x = norm(&gain, &bias);
    let exact = product(k, &x, &weights);
    let scales = Smooth::default().scales(&maxima(k, &x), &[layer]).unwrap();
    assert!(scales.iter().any(|s| *s > 4.0) && scales.iter().any(|s| *s < 2.0));
    let mut folded = weights.clone();
    fold_into_columns(&mut folded, &scales).unwrap();
    fold_into_norm(&mut gain, Some(&mut bias), &scales).unwrap();
    let smoothed = norm(&gain, &bias);
    // Four roundings of terms of up to 40 · 3 · 3, 48 of them.
    close(&product(k, &smoothed, &folded), &exact, 48.0 * 360.0 * 4.0 * 6e-8);
    // The outliers are smaller than before.
    let most = |x: &[f32]| x.iter().fold(0f32, |m, x| m.max(x.abs()));
    assert!(most(&smoothed) < most(&x) / 2.0);

    let (mut before, mut bias) = (normals(k * k, 8), normals(k, 9));
    let linear = |w: &[f32], bias: &[f32]| -> Vec<f32> {
        let y = product(k, &hidden, w);
        y.iter()
            .enumerate()
            .map(|(i, y)| (*y + f64::from(bias[i % k])) as f32)
            .collect()
    };
    let x = linear(&before, &bias);
    let exact = product(k, &x, &weights);
    let scales = Smooth::default().scales(&maxima(k, &x), &[layer]).unwrap();
    let mut folded = weights.clone();
    fold_into_columns(&mut folded, &scales).unwrap();
    fold_into_rows(&mut before, k, Some(&mut bias), &scales).unwrap();
    let smoothed = linear(&before, &bias);
    // Inputs are sums of 48 terms of up to 360, each with two more roundings.
    close(
        &product(k, &smoothed, &folded),
        &exact,
        48.0 * 3.0 * 48.0 * 360.0 * 3.0 * 6e-8,
    );
}

/// One scale for a whole tensor, 8 bits: the static W8A8 of the paper.
fn per_tensor(values: &[f32]) -> Vec<f32> {
    let scale = values.iter().fold(0f32, |m, v| m.max(v.abs())) / 127.0;
    values.iter().map(|v| (v / scale).round() * scale).collect()
}

#[test]
fn w8a8() {
    let (n, k, rows) = (64, 96, 64);
    let weights = normals(n * k, 10);
    let layer = Dense::new(n, k, &weights).unwrap();
    // Calibrated on other rows.
    let scales = Smooth::default()
        .scales(&maxima(k, &with_outliers(rows, k, 11)), &[layer])
        .unwrap();
    let x = with_outliers(rows, k, 12);
    let exact = product(k, &x, &weights);
    let plain = square_error(product(k, &per_tensor(&x), &per_tensor(&weights)), &exact);
    let mut folded = weights.clone();
    fold_into_columns(&mut folded, &scales).unwrap();
    let divided: Vec<f32> = x.iter().zip(scales.iter().cycle()).map(|(x, s)| x / s).collect();
    let smoothed = square_error(product(k, &per_tensor(&divided), &per_tensor(&folded)), &exact);
    assert!(smoothed < plain / 4.0, "{smoothed}, without {plain}");

    // The same with a Linear that divides its inputs.
    let inverse = scales.iter().map(|s| 1.0 / s).collect();
    let matrix = Matrix::quantize(Format::F32, Dense::new(n, k, &folded).unwrap()).unwrap();
    let linear = Linear::new(matrix).with_input_scales(inverse).unwrap();
    let y = linear.matmul(&x).unwrap();
    let error = square_error(y.iter().map(|&y| y.into()), &exact);
    assert!(error < smoothed / 1e4, "{error}");
}

#[test]
fn refused() {
    let weights = [1.0; 16];
    let layer = Dense::new(2, 8, &weights).unwrap();
    let seen = maxima(8, &[1.0; 8]);
    let argument = |e: Error| assert!(matches!(e, Error::Argument { .. }), "{e}");
    for alpha in [-0.1, 1.1, f32::NAN] {
        let smooth = Smooth::default().with_alpha(alpha);
        argument(smooth.scales(&seen, &[layer]).unwrap_err());
    }
    let smooth = Smooth::default();
    let least = smooth.with_least(0.0);
    argument(least.scales(&seen, &[layer]).unwrap_err());
    argument(smooth.scales(&seen, &[]).unwrap_err());
    argument(smooth.scales(&ChannelMaxima::new(8), &[layer]).unwrap_err());
    // Channels that no row has take no memory.
    argument(ChannelMaxima::new(usize::MAX).maxima().map(drop).unwrap_err());
    argument(smooth.scales(&maxima(4, &[1.0; 4]), &[layer]).unwrap_err());
    let other = Dense::new(4, 4, &weights).unwrap();
    argument(smooth.scales(&seen, &[layer, other]).unwrap_err());
    assert!(matches!(Dense::new(3, 8, &weights), Err(Error::Length { .. })));
    assert!(matches!(Dense::new(0, 8, &[]), Err(Error::Empty { .. })));
    assert!(matches!(
        Dense::new(1, 2, &[0.0, f32::NAN]),
        Err(Error::NotFinite { column: 1, .. })
    ));

    let mut seen = ChannelMaxima::new(2);
    assert!(matches!(seen.add(&[1.0; 3]), Err(Error::Inputs { k: 2, got: 3, .. })));
    argument(seen.add(&[1.0, f32::INFINITY]).unwrap_err());
    argument(seen.maxima().unwrap_err());

    for scales in [[1.0, 0.0], [-1.0, 1.0], [1.0, f32::NAN]] {
        argument(fold_into_norm(&mut [1.0; 2], None, &scales).unwrap_err());
        argument(fold_into_columns(&mut [1.0; 4], &scales).unwrap_err());
    }
    let short = |e| assert!(matches!(e, Err(Error::Length { .. })));
    short(fold_into_norm(&mut [1.0; 3], None, &[1.0; 2]));
    short(fold_into_rows(&mut [1.0; 5], 3, None, &[1.0; 2]));
    short(fold_into_rows(&mut [1.0; 6], 3, Some(&mut [1.0; 3]), &[1.0; 2]));
    assert!(fold_into_columns(&mut [1.0; 5], &[1.0; 2]).is_err());
}

/// The columns that bitsandbytes extracted from this product; its threshold is 6 too.
#[test]
fn outliers_of_the_tool() {
    let case = layout("bnb_llm_int8_mm");
    let act = case.part("act").as_chunks().0.iter();
    let x: Vec<f32> = act.map(|x| f16::from_le_bytes(*x).to_f32()).collect();
    let columns = Outliers::default().columns(&maxima(case.k, &x)).unwrap();
    let tool = case.part("outlier_cols");
    let tool: Vec<u32> = match tool.len() / columns.len() {
        8 => tool
            .as_chunks()
            .0
            .iter()
            .map(|c| u64::from_le_bytes(*c) as u32)
            .collect(),
        4 => tool.as_chunks().0.iter().map(|c| u32::from_le_bytes(*c)).collect(),
        bytes => panic!("{bytes} bytes for each of {} columns", columns.len()),
    };
    assert_eq!(columns, tool);
}

#[test]
fn outlier_columns() {
    let (n, k, rows) = (40, 96, 33);
    let weights = normals(n * k, 20);
    let layer = Dense::new(n, k, &weights).unwrap();
    let columns = Outliers::default()
        .columns(&maxima(k, &with_outliers(rows, k, 21)))
        .unwrap();
    assert_eq!(columns, [5, 29, 53, 77]);
    let format = Format::INT8.with_group(Group::Row).unwrap();
    let linear = split(format, layer, &columns).unwrap();

    // In those columns the weights are rounded to f16; elsewhere they are INT8 of the row without them.
    let effective = linear.dequantize();
    for (row, weights) in effective.chunks(k).zip(weights.chunks(k)) {
        let others = (0..k).filter(|j| !columns.contains(&(*j as u32)));
        let step = others.fold(0f32, |m, j| m.max(weights[j].abs())) / 127.0;
        for j in 0..k {
            if columns.contains(&(j as u32)) {
                assert_eq!(row[j], f16::from_f32(weights[j]).to_f32());
            } else {
                // Scales are f16.
                let most = step * 0.5 + weights[j].abs() / 2048.0;
                assert!((row[j] - weights[j]).abs() <= most, "{} {}", row[j], weights[j]);
            }
        }
    }

    // Rounded inputs: other rows than the calibration ones.
    let x = with_outliers(rows, k, 22);
    let exact = product(k, &x, &weights);
    let error = |y: Vec<f32>| square_error(y.iter().map(|&y| y.into()), &exact);
    let plain = Linear::new(Matrix::quantize(format, Dense::new(n, k, &weights).unwrap()).unwrap());
    let without = error(plain.matmul_with(&x, Precision::I8).unwrap());
    let with = error(linear.matmul_with(&x, Precision::I8).unwrap());
    assert!(with < without / 4.0, "{with}, without {without}");
    // Only weights were rounded.
    assert!(error(linear.matmul(&x).unwrap()) < with);

    // Without outliers: the matrix alone.
    let linear = split(format, layer, &[]).unwrap();
    assert_eq!(linear, plain);
}

#[test]
fn no_such_outliers() {
    let weights = [1e6; 16];
    let layer = Dense::new(2, 8, &weights).unwrap();
    let format = Format::INT8.with_scale(lowbit::ScaleType::F32).unwrap();
    for columns in [vec![8], vec![1, 1], vec![0] /* beyond f16 */] {
        let error = split(format, layer, &columns).unwrap_err();
        assert!(matches!(error, Error::Part { .. }), "{columns:?}: {error}");
    }
    let none = Outliers::default().with_threshold(0.0);
    let error = none.columns(&maxima(8, &[1.0; 8])).unwrap_err();
    assert!(matches!(error, Error::Argument { .. }), "{error}");
    assert!(Outliers::default().columns(&ChannelMaxima::new(8)).is_err());
}

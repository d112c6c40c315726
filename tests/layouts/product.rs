//! LLM.int8(): a product computed by bitsandbytes, and the two ways in which lowbit approximates it.

use crate::common::layouts::layout;
use half::f16;

struct Product {
    /// Inputs, [3, k], as f16 holds them.
    act: Vec<f32>,
    /// The same inputs as rounded: code · SCA / 127, zero in outlier columns.
    rounded: Vec<f32>,
    sca: Vec<f32>,
    columns: Vec<u32>,
    out: Vec<f32>,
}

fn read() -> (lowbit::Linear, Product) {
    let case = layout("bnb_llm_int8_mm");
    let halves = |name: &str| -> Vec<f32> {
        let halves: Vec<f16> = case
            .part(name)
            .chunks(2)
            .map(|b| f16::from_le_bytes([b[0], b[1]]))
            .collect();
        halves.iter().map(|h| h.to_f32()).collect()
    };
    let sca: Vec<f32> = bytemuck::pod_collect_to_vec(case.part("sca"));
    let columns: Vec<i64> = bytemuck::pod_collect_to_vec(case.part("outlier_cols"));
    let codes = case.part("ca").iter().enumerate();
    let product = Product {
        act: halves("act"),
        rounded: codes.map(|(i, &c)| c as i8 as f32 * sca[i / case.k] / 127.0).collect(),
        sca,
        columns: columns.iter().map(|&c| c as u32).collect(),
        out: halves("out"),
    };
    (case.linear().unwrap(), product)
}

/// The largest f16 rounding error of a value: half a step at 11 bits.
fn half_step(x: f64) -> f64 {
    x.abs() * 2f64.powi(-11)
}

/// The error that bitsandbytes' own f16 arithmetic may add to an output for given rounded inputs: each outlier weight,
/// each of their products and their sum is rounded to f16, and the output is rounded twice (the integer part before the
/// outliers are added to it, and at the end).
fn own_rounding(w: &[f32], x: &[f32], columns: &[u32], out: f32) -> f64 {
    let outliers: f64 = columns
        .iter()
        .map(|&c| (w[c as usize] as f64 * x[c as usize] as f64).abs())
        .sum();
    4.0 * half_step(outliers) + 2.0 * half_step(out as f64) + half_step(outliers + out.abs() as f64)
}

/// With bitsandbytes' rounded inputs, and outlier columns in f16 next to the int8 ones, its outputs and ours differ
/// only by the rounding of its f16 arithmetic.
#[test]
fn outlier_columns_beside_int8() {
    let (linear, p) = read();
    let (n, k) = (linear.n(), linear.k());
    let w = linear.dequantize();
    let own: Vec<f16> = (0..n)
        .flat_map(|row| p.columns.iter().map(move |&c| row * k + c as usize))
        .map(|at| f16::from_f32(w[at]))
        .collect();
    let mut x = p.rounded.clone();
    for (x, act) in x.chunks_mut(k).zip(p.act.chunks(k)) {
        for &c in &p.columns {
            assert_eq!(x[c as usize], 0.0);
            x[c as usize] = act[c as usize];
        }
    }
    let ours = linear.clone().with_outliers(p.columns.clone(), own).unwrap();
    let y = ours.matmul(&x).unwrap();
    for (i, (y, out)) in y.iter().zip(&p.out).enumerate() {
        let (row, t) = (i % n, i / n);
        let bound = own_rounding(&w[row * k..][..k], &x[t * k..][..k], &p.columns, *out);
        let error = (*y as f64 - *out as f64).abs();
        assert!(error <= bound, "output {i} is {y}, theirs {out}, bound {bound:e}");
    }
    // Without the outlier columns the outputs are far off.
    let y = linear.matmul(&p.rounded).unwrap();
    let far = y.iter().zip(&p.out).filter(|(y, out)| (*y - *out).abs() > 0.05);
    assert!(far.count() > p.out.len() / 2);
}

/// With unrounded inputs, the outputs differ by at most the tool's input rounding: half a step of SCA / 127 for each
/// input, times the weight.
#[test]
fn unrounded_inputs_stay_within_the_tools_rounding() {
    let (linear, p) = read();
    let (n, k) = (linear.n(), linear.k());
    let w = linear.dequantize();
    let y = linear.matmul(&p.act).unwrap();
    for (i, (y, out)) in y.iter().zip(&p.out).enumerate() {
        let (row, t) = (i % n, i / n);
        let (w, x) = (&w[row * k..][..k], &p.act[t * k..][..k]);
        let regular = (0..k as u32).filter(|c| !p.columns.contains(c));
        let weights = regular.map(|c| w[c as usize].abs() as f64);
        let (sum, squares) = weights.fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
        let step = p.sca[t] as f64 / 127.0;
        let own = own_rounding(w, x, &p.columns, *out);
        let bound = step / 2.0 * sum * (1.0 + 1e-5) + own;
        let error = (*y as f64 - *out as f64).abs();
        assert!(error <= bound, "output {i} is {y}, theirs {out}, bound {bound}");
        // Independent rounding errors are uniform over a step: six deviations of their sum.
        let likely = 6.0 * step * (squares / 12.0).sqrt() + own;
        assert!(
            error <= likely,
            "output {i} is {y}, theirs {out}, likely within {likely}"
        );
    }
}

//! AWQ: scaling factors and clipping against a search written out in f64; errors on inputs outside the search set.

#[path = "awq/written_out.rs"]
mod written_out;

use lowbit::calibrate::smooth::fold_into_norm;
use lowbit::quantize::awq::{Awq, Clip};
use lowbit::random::SplitMix64;
use lowbit::{Dense, Error, Format, Group, Linear, Matrix};
use written_out::{error, factors, rounded, row_error};

fn quiet(_: f32) {}

fn normals(count: usize, seed: u64) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.normal() as f32).collect()
}

/// Inputs whose channels differ in size; a few are 30 times larger than the rest.
fn inputs(rows: usize, k: usize, seed: u64) -> Vec<f32> {
    let mut x = normals(rows * k, seed);
    for row in x.chunks_mut(k) {
        for (j, x) in row.iter_mut().enumerate() {
            *x *= if j % 29 == 3 { 30.0 } else { 0.5 + (j % 7) as f32 / 4.0 };
        }
    }
    x
}

/// The full grid search in f64, for two layers with one input: with few input rows, and with enough rows that the error
/// is computed from their Gram matrix.
#[test]
fn scales() {
    let k = 64;
    let (a, b) = (normals(24 * k, 1), normals(8 * k, 2));
    let layers = [(24, &a[..]), (8, &b[..])];
    let given = layers.map(|(n, w)| Dense::new(n, k, w).unwrap());
    for (rows, duo_scaling, format, group) in [
        (20, true, Format::INT4_ASYM, 32),
        (300, true, Format::Q4_0, 32),
        (300, false, Format::INT3_ASYM.with_group(16).unwrap(), 16),
        (20, false, Format::INT4_ASYM.with_group(Group::Row).unwrap(), k),
    ] {
        let x = inputs(rows, k, 3);
        let awq = Awq::default().with_duo_scaling(duo_scaling);
        let found = awq.search_scales(format, &given, &x, &quiet).unwrap();
        let loss = |s: &[f32]| {
            let q: Vec<_> = layers.iter().map(|(n, w)| rounded(format, *n, w, s)).collect();
            error(&layers, &q, &x, k)
        };
        let plain = loss(&vec![1.0; k]);
        // At most 300 terms are summed in f32, the rest in f64.
        let same = |a: f64, b: f64| (a / b - 1.0).abs() <= 1e-4;
        assert!(same(found.plain_loss, plain), "{} {plain}", found.plain_loss);
        let all = (0..20).map(|i| {
            let r = i as f64 / 20.0;
            let s = factors(&layers, &x, k, group, r, duo_scaling);
            (loss(&s), r, s)
        });
        let (least, r, s) = all.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        assert!(least < 0.9 * plain, "{least}, round-to-nearest {plain}");
        assert!(same(found.loss, least), "{} {least}", found.loss);
        assert_eq!(found.ratio, Some(r as f32));
        for (got, expected) in found.scales.iter().zip(&s) {
            assert!((got / expected - 1.0).abs() <= 1e-6, "{got} {expected}");
        }
    }
}

/// If no factors help (all inputs and weights are alike), none are used.
#[test]
fn never_worse() {
    let (n, k) = (4, 32);
    // The format represents these weights exactly, with s = 1.
    let w: Vec<f32> = (0..n * k).map(|i| (i % 15) as f32 - 7.0).collect();
    let layer = Dense::new(n, k, &w).unwrap();
    let x = inputs(50, k, 4);
    let found = Awq::default()
        .search_scales(Format::INT8, &[layer], &x, &quiet)
        .unwrap();
    let plain = rounded(Format::INT8, n, &w, &vec![1.0; k]);
    assert!(found.loss <= found.plain_loss);
    assert!((found.plain_loss - error(&[(n, &w)], &[plain], &x, k)).abs() <= 1e-4 * found.plain_loss);
}

/// The whole method on inputs outside the search set, in several formats; each step lowers the error.
#[test]
fn better_than_round_to_nearest() {
    let (n, k) = (48, 128);
    let mut w = normals(n * k, 5);
    // A few large weights, so that clipping helps.
    w.iter_mut().step_by(41).for_each(|w| *w *= 3.0);
    let layer = Dense::new(n, k, &w).unwrap();
    let (x, held_out) = (inputs(600, k, 6), inputs(300, k, 7));
    let of = |q: Vec<f32>| error(&[(n, &w)], &[q], &held_out, k);
    for format in [Format::INT4_ASYM, Format::INT3_ASYM, Format::Q4_0, Format::Q4_1] {
        let rtn = of(Matrix::quantize(format, Dense::new(n, k, &w).unwrap())
            .unwrap()
            .dequantize());
        let scaled = Awq::default().with_clip(None);
        let run = |awq: Awq| {
            let found = awq.quantize(format, &[layer], &x, &quiet).unwrap();
            of(found.linears().unwrap()[0].dequantize())
        };
        let (scaled, whole) = (run(scaled), run(Awq::default()));
        assert!(scaled < 0.8 * rtn, "{format}: {scaled}, round-to-nearest {rtn}");
        assert!(whole < scaled, "{format}: {whole}, without clipping {scaled}");
        let weighted = Awq::default().with_weighted(true);
        let weighted = run(weighted);
        assert!(weighted < 0.8 * rtn, "{format}: {weighted}, round-to-nearest {rtn}");
    }
}

/// A Linear that divides its inputs and factors folded into the preceding norm give the same outputs.
#[test]
fn folded() {
    let (n, k, rows) = (16, 64, 12);
    let w = normals(n * k, 8);
    let layer = Dense::new(n, k, &w).unwrap();
    let x = inputs(rows, k, 9);
    let found = Awq::default()
        .quantize(Format::INT4_ASYM, &[layer], &x, &quiet)
        .unwrap();
    let linear = &found.linears().unwrap()[0];
    let own = linear.matmul(&x).unwrap();

    let gain = normals(k, 10);
    let hidden: Vec<f32> = x.iter().zip(gain.iter().cycle()).map(|(x, g)| x / g).collect();
    let mut folded = gain.clone();
    fold_into_norm(&mut folded, None, &found.scales.scales).unwrap();
    let normed: Vec<f32> = hidden.iter().zip(folded.iter().cycle()).map(|(h, g)| h * g).collect();
    let through = Linear::new(found.matrices[0].clone()).matmul(&normed).unwrap();
    let weights = linear.dequantize();
    for (t, x) in x.chunks(k).enumerate() {
        for (i, w) in weights.chunks(k).enumerate() {
            // A few roundings of each term and those of the sum.
            let size: f32 = x.iter().zip(w).map(|(x, w)| (x * w).abs()).sum();
            let (a, b) = (own[t * n + i], through[t * n + i]);
            assert!((a - b).abs() <= 8.0 * f32::EPSILON * size, "{a} {b} of {size}");
        }
    }
}

/// Each group is clipped where its own error is lowest, among the tool's ten steps.
#[test]
fn clip() {
    let (n, k, group) = (6, 80, 32); // the last group has 16
    let mut w = normals(n * k, 11);
    w.iter_mut().step_by(23).for_each(|w| *w *= 3.0);
    let layer = Dense::new(n, k, &w).unwrap();
    for (tokens, format) in [(24, Format::INT3_ASYM), (700, Format::INT4), (700, Format::INT2_ASYM)] {
        let x = inputs(tokens, k, 12);
        let clip = Clip::default().with_tokens(200);
        let clipped = clip.search(format, layer, &x, None, &quiet).unwrap();
        // Every third of 700 rows.
        let rows: Vec<&[f32]> = x.chunks(k).step_by((tokens / 200).max(1)).collect();
        let got = Matrix::quantize(format, Dense::new(n, k, &clipped).unwrap())
            .unwrap()
            .dequantize();
        let mut cut = 0;
        for row in 0..n {
            for start in (0..k).step_by(group) {
                let columns = row * k + start..row * k + (start + group).min(k);
                let (w, len) = (&w[columns.clone()], columns.len());
                let x: Vec<f32> = rows.iter().flat_map(|x| &x[start..start + len]).copied().collect();
                let largest = w.iter().fold(0f32, |m, w| m.max(w.abs()));
                let least = (0..10)
                    .map(|i| {
                        let limit = largest * (1.0 - i as f32 / 20.0);
                        let cut: Vec<f32> = w.iter().map(|w| w.clamp(-limit, limit)).collect();
                        let q = Matrix::quantize(format, Dense::new(1, len, &cut).unwrap())
                            .unwrap()
                            .dequantize();
                        row_error(&q, w, &x, len)
                    })
                    .fold(f64::INFINITY, f64::min);
                let found = row_error(&got[columns.clone()], w, &x, len);
                assert!((found / least - 1.0).abs() <= 1e-4, "{found}, the minimum is {least}");
                cut += (clipped[columns] != *w) as usize;
            }
        }
        assert!(cut > 0, "{format}: no group was clipped");
    }
    let none = Clip::default().with_max_shrink(0.0);
    let same = none
        .search(Format::INT4, layer, &inputs(9, k, 1), None, &quiet)
        .unwrap();
    assert_eq!(same, w);
}

/// A caller's loss function is called once for each r and once for s = 1, with the weights as they would be used.
#[test]
fn loss_of_a_block() {
    let (n, k) = (8, 32);
    let (gate, up) = (normals(n * k, 13), normals(n * k, 14));
    let layers = [&gate, &up].map(|w| Dense::new(n, k, w).unwrap());
    let x = inputs(40, k, 15);
    // A gated unit: relu(gate) · up.
    let block = |gate: &[f32], up: &[f32]| -> Vec<f64> {
        let product = |w: &[f32]| {
            Matrix::quantize(Format::F32, Dense::new(n, k, w).unwrap())
                .unwrap()
                .matmul(&x)
                .unwrap()
        };
        let pairs = product(gate).into_iter().zip(product(up));
        pairs.map(|(g, u)| f64::from(g.max(0.0)) * f64::from(u)).collect()
    };
    let exact = block(&gate, &up);
    let mut losses = Vec::new();
    let mut loss = |rounded: &[Vec<f32>]| {
        let y = block(&rounded[0], &rounded[1]);
        let loss: f64 = y.iter().zip(&exact).map(|(y, e)| (y - e).powi(2)).sum();
        losses.push(loss);
        Ok(loss)
    };
    let awq = Awq::default().with_grid(5);
    let found = awq
        .search_scales_by(Format::INT3_ASYM, &layers, &x, &mut loss, &quiet)
        .unwrap();
    assert_eq!(losses.len(), 6);
    assert_eq!(found.plain_loss, losses[0]);
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(found.loss, least);
    let at = losses.iter().position(|l| *l == least).unwrap();
    assert_eq!(found.ratio, (at > 0).then(|| (at - 1) as f32 / 5.0));
    assert!(least < losses[0]);

    let mut nan = |_: &[Vec<f32>]| Ok(f64::NAN);
    let error = awq
        .search_scales_by(Format::INT4, &layers, &x, &mut nan, &quiet)
        .unwrap_err();
    assert!(matches!(error, Error::Argument { .. }), "{error}");
    let mut fails = |_: &[Vec<f32>]| Err(Error::OtherDevice);
    let error = awq
        .search_scales_by(Format::INT4, &layers, &x, &mut fails, &quiet)
        .unwrap_err();
    assert_eq!(error, Error::OtherDevice);
}

#[test]
fn threads_change_nothing() {
    let (n, k) = (33, 96);
    let w = normals(n * k, 16);
    let x = inputs(200, k, 17);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let layer = Dense::new(n, k, &w).unwrap();
        let run = || Awq::default().quantize(Format::Q4_0, &[layer], &x, &quiet);
        pool.unwrap().install(run).unwrap()
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn progress_rises_to_one() {
    let w = normals(128, 1);
    let told = std::sync::Mutex::new(Vec::new());
    let note = |done| told.lock().unwrap().push(done);
    let layers = [Dense::new(2, 64, &w).unwrap(); 3];
    Awq::default()
        .quantize(Format::INT4_ASYM, &layers, &inputs(5, 64, 2), &note)
        .unwrap();
    let told = told.into_inner().unwrap();
    assert!(told.is_sorted() && told.last() == Some(&1.0), "{told:?}");
}

#[test]
fn refused() {
    let w = [0.5; 64];
    let layer = Dense::new(2, 32, &w).unwrap();
    let x = inputs(3, 32, 1);
    let awq = Awq::default();
    let run = |awq: Awq, layers: &[Dense], x: &[f32]| awq.quantize(Format::INT4_ASYM, layers, x, &quiet).unwrap_err();
    let argument = |e: Error| assert!(matches!(e, Error::Argument { .. }), "{e}");
    argument(run(awq, &[], &x));
    argument(run(awq, &[layer, Dense::new(4, 16, &w).unwrap()], &x));
    argument(run(awq, &[layer], &[]));
    assert!(matches!(run(awq, &[layer], &x[1..]), Error::Inputs { .. }));
    let mut infinite = x.clone();
    infinite[40] = f32::INFINITY;
    argument(run(awq, &[layer], &infinite));
    argument(run(awq.with_grid(0), &[layer], &x));
    let clip = Clip::default();
    for clip in [
        clip.with_grid(0),
        clip.with_tokens(0),
        clip.with_max_shrink(1.0),
        clip.with_max_shrink(f32::NAN),
    ] {
        let clip = Some(clip);
        argument(run(awq.with_clip(clip), &[layer], &x));
    }
    let error = awq.quantize(Format::Q4_K, &[layer], &x, &quiet).unwrap_err();
    assert!(matches!(error, Error::Block { k: 32, .. }), "{error}");
    argument(awq.pack(Format::INT4, layer, &x, &[0.0; 32], &quiet).unwrap_err());
    assert!(awq.pack(Format::INT4, layer, &x, &[1.0; 31], &quiet).is_err());
}

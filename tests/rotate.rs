//! Rotations: Hadamard matrices against the definition, random ones against their distribution, and a network whose
//! outputs do not change when its weights are rotated.

use lowbit::random::SplitMix64;
use lowbit::rotate::hadamard::Hadamard;
use lowbit::rotate::quarot::{fold_gain, rotate_inputs, rotate_outputs};
use lowbit::rotate::{Orthogonal, random};

/// The matrix that `apply` multiplies by, row by row, from its effect on unit vectors.
fn matrix(n: usize, apply: impl Fn(&mut [f64])) -> Vec<f64> {
    let mut matrix = vec![0.0; n * n];
    for j in 0..n {
        let mut column = vec![0.0; n];
        column[j] = 1.0;
        apply(&mut column);
        for i in 0..n {
            matrix[i * n + j] = column[i];
        }
    }
    matrix
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The largest deviation of Q Qᵀ from the identity.
fn off_orthogonal(q: &[f64], n: usize) -> f64 {
    let mut worst: f64 = 0.0;
    for (i, a) in q.chunks(n).enumerate() {
        for (j, b) in q.chunks(n).enumerate() {
            let want = if i == j { 1.0 } else { 0.0 };
            worst = worst.max((dot(a, b) - want).abs());
        }
    }
    worst
}

#[test]
fn hadamard_matrices_of_every_order_there_is() {
    let (mut made, mut refused) = (Vec::new(), Vec::new());
    for n in 1..=160 {
        let hadamard = match Hadamard::new(n) {
            Ok(hadamard) => hadamard,
            Err(e) => {
                assert!(e.to_string().contains(&n.to_string()), "{e}");
                refused.push(n);
                continue;
            }
        };
        made.push(n);
        let h = matrix(n, |x| hadamard.transform(x).unwrap());
        let size = 1.0 / (n as f64).sqrt();
        assert!(h.iter().all(|h| (h.abs() - size).abs() < 1e-12), "{n}");
        assert!(off_orthogonal(&h, n) < 1e-12, "{n}");
        let inverse = matrix(n, |x| hadamard.inverse(x).unwrap());
        for i in 0..n {
            for j in 0..n {
                assert!((inverse[i * n + j] - h[j * n + i]).abs() < 1e-12, "{n}");
            }
        }
    }
    // Orders above 2 are multiples of 4; of those, the ones that need other constructions are missing.
    assert!(
        refused
            .iter()
            .all(|n| n % 4 != 0 || [52, 92, 100, 116, 156].contains(n)),
        "{refused:?}"
    );
    for n in [1, 2, 4, 12, 20, 24, 28, 36, 40, 44, 48, 60, 80, 96, 104, 128] {
        assert!(made.contains(&n), "{n}");
    }
    for n in [0, 3, 6, 52, 92] {
        assert!(Hadamard::new(n).is_err(), "{n}");
    }
    // Sizes of real models: 288 = 8 · 36, 13824 = 128 · 108, 14336 = 512 · 28, 18944 = 128 · 148.
    for (n, m) in [(288, 36), (13824, 108), (14336, 28), (18944, 148), (768, 12), (4096, 1)] {
        assert_eq!(Hadamard::new(n).unwrap().base().0, m, "{n}");
    }
}

#[test]
fn powers_of_two_are_sylvesters() {
    for n in [1usize, 2, 8, 64] {
        let h = matrix(n, |x| Hadamard::new(n).unwrap().transform(x).unwrap());
        for i in 0..n {
            for j in 0..n {
                let sign = 1.0 - 2.0 * ((i & j).count_ones() % 2) as f64;
                assert!((h[i * n + j] - sign / (n as f64).sqrt()).abs() < 1e-12);
            }
        }
    }
    let hadamard = Hadamard::new(4).unwrap();
    let mut x = [1.0f32, 2.0, 3.0, 4.0];
    hadamard.transform(&mut x).unwrap();
    assert_eq!(x, [5.0, -1.0, -2.0, 0.0]);
    assert!(hadamard.transform(&mut [0.0f32; 3]).is_err());
    assert!(hadamard.inverse(&mut [0.0f32; 5]).is_err());
}

#[test]
fn random_rotations_are_orthogonal_and_have_an_inverse() {
    let mut numbers = SplitMix64::new(3);
    for n in [1, 2, 5, 48, 128] {
        let mut all = vec![Orthogonal::haar(n, 7).unwrap()];
        all.extend(Orthogonal::hadamard(n, 7));
        assert_eq!(all.len(), 1 + (n != 5) as usize);
        for q in all {
            let dense = matrix(n, |x| q.rotate(x).unwrap());
            assert!(off_orthogonal(&dense, n) < 1e-12, "{n}");
            let x: Vec<f32> = (0..n).map(|_| numbers.normal() as f32).collect();
            let mut y = x.clone();
            q.rotate(&mut y).unwrap();
            assert!(n < 5 || y != x);
            q.unrotate(&mut y).unwrap();
            let error = x.iter().zip(&y).map(|(x, y)| (x - y).abs());
            assert!(error.fold(0.0, f32::max) < 2e-6, "{n}");
        }
    }
    assert!(Orthogonal::haar(0, 1).is_err());
    assert!(Orthogonal::hadamard(5, 1).is_err());
    assert_eq!(Orthogonal::haar(6, 5), Orthogonal::haar(6, 5));
    assert_ne!(Orthogonal::haar(6, 5), Orthogonal::haar(6, 6));
    assert_ne!(Orthogonal::hadamard(8, 5), Orthogonal::hadamard(8, 6));
}

/// Every entry of a Haar matrix has mean 0, variance 1 / n and fourth moment 3 / (n (n + 2)), like a coordinate of a
/// uniform unit vector. Without the signs of R's diagonal the mean of the diagonal would not be 0.
#[test]
fn haar_matrices_are_uniform() {
    let (n, count) = (4, 4000);
    let mut moments = vec![[0.0; 3]; n * n];
    let mut determinants = 0;
    for seed in 0..count {
        let q = random::haar(n, seed).unwrap();
        for (m, q) in moments.iter_mut().zip(&q) {
            for (m, power) in m.iter_mut().zip([1, 2, 4]) {
                *m += q.powi(power) / count as f64;
            }
        }
        determinants += (determinant(q, n) > 0.0) as u64;
    }
    // Five standard errors: deviations of 0.5 for q, 0.25 for q², 0.18 for q⁴, over the root of the count.
    let bound = |deviation: f64| 5.0 * deviation / (count as f64).sqrt();
    for [mean, square, fourth] in moments {
        assert!(mean.abs() < bound(0.5), "{mean}");
        assert!((square - 0.25).abs() < bound(0.25), "{square}");
        assert!((fourth - 0.125).abs() < bound(0.18), "{fourth}");
    }
    assert!(
        (determinants as f64 / count as f64 - 0.5).abs() < bound(0.5),
        "{determinants}"
    );
}

fn determinant(mut a: Vec<f64>, n: usize) -> f64 {
    let mut product = 1.0;
    for j in 0..n {
        let pivot = (j..n).max_by(|a_, b| a[a_ * n + j].abs().total_cmp(&a[b * n + j].abs()));
        let pivot = pivot.unwrap();
        if pivot != j {
            for c in 0..n {
                a.swap(pivot * n + c, j * n + c);
            }
            product = -product;
        }
        product *= a[j * n + j];
        for i in j + 1..n {
            let factor = a[i * n + j] / a[j * n + j];
            for c in j..n {
                a[i * n + c] -= factor * a[j * n + c];
            }
        }
    }
    product
}

const D: usize = 24;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const HEAD: usize = 12;
const FF: usize = 40;
const VOCAB: usize = 7;

/// Weights by name, each with the number of its outputs and inputs.
#[derive(Clone)]
struct Model {
    embedding: Vec<f64>,
    layers: Vec<Layer>,
    gain: Vec<f64>,
    head: Vec<f64>,
}

#[derive(Clone)]
struct Layer {
    gains: [Vec<f64>; 2],
    q: Vec<f64>,
    k: Vec<f64>,
    v: Vec<f64>,
    o: Vec<f64>,
    bias: Vec<f64>,
    gate: Vec<f64>,
    up: Vec<f64>,
    down: Vec<f64>,
}

impl Model {
    fn random() -> Model {
        let mut numbers = SplitMix64::new(11);
        let mut some =
            |count: usize, scale: f64| -> Vec<f64> { (0..count).map(|_| numbers.normal() * scale).collect() };
        let mut layers = Vec::new();
        for _ in 0..2 {
            layers.push(Layer {
                gains: [some(D, 1.0), some(D, 1.0)],
                q: some(HEADS * HEAD * D, 0.2),
                k: some(KV_HEADS * HEAD * D, 0.2),
                v: some(KV_HEADS * HEAD * D, 0.2),
                o: some(D * HEADS * HEAD, 0.2),
                bias: some(D, 0.3),
                gate: some(FF * D, 0.2),
                up: some(FF * D, 0.2),
                down: some(D * FF, 0.2),
            });
        }
        Model {
            embedding: some(VOCAB * D, 1.0),
            layers,
            gain: some(D, 1.0),
            head: some(VOCAB * D, 0.3),
        }
    }

    /// Logits of every token; `online` rotates the inputs of down.
    fn forward(&self, tokens: &[usize], online: Option<&Orthogonal>) -> Vec<f64> {
        let mut stream: Vec<Vec<f64>> = tokens
            .iter()
            .map(|t| self.embedding[t * D..(t + 1) * D].to_vec())
            .collect();
        for layer in &self.layers {
            let normed: Vec<_> = stream.iter().map(|x| norm(x, &layer.gains[0])).collect();
            let project = |w: &[f64]| normed.iter().map(|x| times(w, x)).collect::<Vec<_>>();
            let (q, k, v) = (project(&layer.q), project(&layer.k), project(&layer.v));
            for t in 0..tokens.len() {
                let mut heads = vec![0.0; HEADS * HEAD];
                for h in 0..HEADS {
                    let own = h * HEAD..(h + 1) * HEAD;
                    let shared = h / (HEADS / KV_HEADS) * HEAD;
                    let shared = shared..shared + HEAD;
                    let p: Vec<f64> = (0..=t)
                        .map(|s| dot(&q[t][own.clone()], &k[s][shared.clone()]).exp())
                        .collect();
                    let total: f64 = p.iter().sum();
                    for (p, v) in p.iter().zip(&v) {
                        for (y, v) in heads[own.clone()].iter_mut().zip(&v[shared.clone()]) {
                            *y += p / total * v;
                        }
                    }
                }
                add(&mut stream[t], &times(&layer.o, &heads));
                add(&mut stream[t], &layer.bias);
            }
            for x in &mut stream {
                let normed = norm(x, &layer.gains[1]);
                let gate = times(&layer.gate, &normed);
                let mut hidden = times(&layer.up, &normed);
                for (h, g) in hidden.iter_mut().zip(gate) {
                    *h *= g / (1.0 + (-g).exp());
                }
                if let Some(online) = online {
                    online.rotate(&mut hidden).unwrap();
                }
                add(x, &times(&layer.down, &hidden));
            }
        }
        let logits = stream.iter().map(|x| times(&self.head, &norm(x, &self.gain)));
        logits.flatten().collect()
    }

    /// The model with its gains folded, the stream rotated by `q`, values by `r`, and the inputs of down by `online`.
    fn rotated(&self, q: &Orthogonal, r: &Orthogonal, online: &Orthogonal) -> Model {
        let mut model = self.clone();
        for layer in &mut model.layers {
            let [attention, mlp] = &mut layer.gains;
            for (w, n) in [
                (&mut layer.q, HEADS * HEAD),
                (&mut layer.k, KV_HEADS * HEAD),
                (&mut layer.v, KV_HEADS * HEAD),
            ] {
                fold_gain(w, n, D, attention).unwrap();
                rotate_inputs(w, n, D, q).unwrap();
            }
            for w in [&mut layer.gate, &mut layer.up] {
                fold_gain(w, FF, D, mlp).unwrap();
                rotate_inputs(w, FF, D, q).unwrap();
            }
            attention.fill(1.0);
            mlp.fill(1.0);
            rotate_outputs(&mut layer.v, KV_HEADS * HEAD, D, r).unwrap();
            rotate_inputs(&mut layer.o, D, HEADS * HEAD, r).unwrap();
            rotate_outputs(&mut layer.o, D, HEADS * HEAD, q).unwrap();
            rotate_inputs(&mut layer.bias, 1, D, q).unwrap();
            rotate_inputs(&mut layer.down, D, FF, online).unwrap();
            rotate_outputs(&mut layer.down, D, FF, q).unwrap();
        }
        rotate_inputs(&mut model.embedding, VOCAB, D, q).unwrap();
        fold_gain(&mut model.head, VOCAB, D, &model.gain).unwrap();
        rotate_inputs(&mut model.head, VOCAB, D, q).unwrap();
        model.gain.fill(1.0);
        model
    }
}

fn times(w: &[f64], x: &[f64]) -> Vec<f64> {
    w.chunks(x.len()).map(|row| dot(row, x)).collect()
}

fn add(x: &mut [f64], y: &[f64]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

fn norm(x: &[f64], gain: &[f64]) -> Vec<f64> {
    let scale = (dot(x, x) / x.len() as f64 + 1e-5).sqrt();
    x.iter().zip(gain).map(|(x, g)| x / scale * g).collect()
}

fn farthest(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f64::max)
}

/// 24, 12 and 40 are not powers of two: their H is not symmetric, so a misplaced transpose shows.
#[test]
fn a_rotated_network_computes_the_same() {
    let model = Model::random();
    let tokens = [3, 0, 6, 6, 2];
    let want = model.forward(&tokens, None);
    for (q, r) in [
        (Orthogonal::hadamard(D, 1), Orthogonal::hadamard(HEAD, 2)),
        (Orthogonal::haar(D, 3), Orthogonal::haar(HEAD, 4)),
    ] {
        let (q, r) = (q.unwrap(), r.unwrap());
        let online = Orthogonal::hadamard(FF, 5).unwrap();
        let rotated = model.rotated(&q, &r, &online);
        let got = rotated.forward(&tokens, Some(&online));
        // Sums of a few hundred f64 terms of about 1.
        assert!(farthest(&want, &got) < 1e-11, "{}", farthest(&want, &got));

        // Mistakes must show.
        assert!(farthest(&want, &rotated.forward(&tokens, None)) > 1e-3);
        let mut slip = rotated.clone();
        rotate_inputs(&mut slip.layers[1].o, D, HEADS * HEAD, &r).unwrap();
        assert!(farthest(&want, &slip.forward(&tokens, Some(&online))) > 1e-3);
        let mut slip = rotated.clone();
        slip.gain.clone_from(&model.gain);
        assert!(farthest(&want, &slip.forward(&tokens, Some(&online))) > 1e-3);
    }
}

/// An outlier column of a stream is spread over all columns.
#[test]
fn outliers_are_spread() {
    let n = 288;
    let mut x: Vec<f32> = random::normals(n, 9).unwrap().iter().map(|x| *x as f32).collect();
    x[17] = 100.0;
    let largest = |x: &[f32]| x.iter().fold(0.0, |m: f32, x| m.max(x.abs()));
    Orthogonal::hadamard(n, 1).unwrap().rotate(&mut x).unwrap();
    // 100 / √288 = 5.9, plus a normal number.
    assert!(largest(&x) < 5.9 + 4.5, "{}", largest(&x));
}

#[test]
fn wrong_shapes_are_errors_with_both_numbers() {
    let q = Orthogonal::hadamard(8, 1).unwrap();
    let has = |e: lowbit::Error, numbers: [&str; 2]| {
        let text = e.to_string();
        assert!(numbers.iter().all(|n| text.contains(n)), "{text}");
    };
    has(rotate_inputs(&mut [0f32; 36], 3, 12, &q).unwrap_err(), ["12", "8"]);
    has(rotate_outputs(&mut [0f32; 36], 3, 12, &q).unwrap_err(), ["3", "8"]);
    has(rotate_inputs(&mut [0f32; 35], 3, 12, &q).unwrap_err(), ["36", "35"]);
    has(rotate_outputs(&mut [0f32; 35], 3, 12, &q).unwrap_err(), ["36", "35"]);
    has(fold_gain(&mut [0f32; 36], 3, 12, &[1.0; 3]).unwrap_err(), ["12", "3"]);
    has(q.rotate(&mut [0f64; 7]).unwrap_err(), ["8", "7"]);
}

#[test]
fn orthogonal_matrices_that_no_machine_holds_are_refused() {
    for n in [0, (1 << 16) + 1, 1 << 40, usize::MAX] {
        let refused = Orthogonal::haar(n, 1).expect_err("too large").to_string();
        assert!(refused.contains(&n.to_string()), "{refused}");
        assert!(refused.contains("1 to 65536"), "{refused}");
    }
}

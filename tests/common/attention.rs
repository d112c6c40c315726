//! Attention in f64 over the vectors that packed caches decode to, and cases of it.

use lowbit::kv::{AttentionOptions, Kv, KvCodec, KvOptions};
use lowbit::random::SplitMix64;

/// Rows of queries, keys and values at their places, in the order in which they come in.
#[derive(Clone)]
pub struct Case {
    pub options: AttentionOptions,
    pub q: Vec<f32>,
    pub k: Vec<f32>,
    pub v: Vec<f32>,
    pub places: Vec<u32>,
    pub sinks: Vec<f32>,
    /// What keys decode to, where that is not what `k` decodes to once it is packed.
    pub decoded_keys: Option<Vec<f32>>,
}

pub fn normals(count: usize, random: &mut SplitMix64) -> Vec<f32> {
    (0..count).map(|_| random.normal() as f32).collect()
}

impl Case {
    /// Random rows, some heads much larger than others.
    pub fn new(options: AttentionOptions, places: Vec<u32>, seed: u64) -> Case {
        let mut random = SplitMix64::new(seed);
        let AttentionOptions { q_heads, kv_heads, .. } = options;
        let rows = places.len();
        let mut k = normals(rows * kv_heads * options.keys.d, &mut random);
        for (i, k) in k.chunks_exact_mut(options.keys.d).enumerate() {
            // Keys of one head that nearly decide the softmax, and a channel that sticks out.
            k.iter_mut().for_each(|x| *x *= [1.0, 4.0, 0.25][i % kv_heads % 3]);
            k[3] += 5.0;
        }
        Case {
            q: normals(rows * q_heads * options.keys.d, &mut random),
            k,
            v: normals(rows * kv_heads * options.values.d, &mut random),
            sinks: match options.sinks {
                true => normals(q_heads, &mut random),
                false => Vec::new(),
            },
            places,
            options,
            decoded_keys: None,
        }
    }

    /// The first row that has what the whole case says: nothing overwrote it later.
    pub fn first(&self) -> usize {
        let mut places = self.places.clone();
        places.sort_unstable();
        places.dedup();
        if places.len() == self.places.len() { 0 } else { 30 }
    }

    /// The same rows under options that differ a little.
    pub fn others(&self) -> Vec<Case> {
        let options = self.options;
        let all = [
            options.with_window(Some(6)),
            options.with_window(None),
            options.with_scale(options.scale * 1.001),
            options.with_soft_cap(Some(20.0)),
        ];
        all.map(|options| Case {
            options,
            ..self.clone()
        })
        .into()
    }

    /// What one side's vectors decode to: for each row and head, d numbers.
    fn decoded(&self, rows: &[f32], options: KvOptions) -> Vec<f32> {
        let codec = KvCodec::new(options).unwrap();
        let mut kv = Kv::new(&codec);
        kv.append(rows).unwrap();
        kv.dequantize()
    }

    /// The outputs of the rows from `first` on once all rows are there, and how far off each may be.
    pub fn want(&self, first: usize) -> Vec<(f64, f64)> {
        let AttentionOptions {
            q_heads,
            kv_heads,
            capacity,
            ..
        } = self.options;
        let (d, value_d) = (self.options.keys.d, self.options.values.d);
        let k = match &self.decoded_keys {
            Some(k) => k.clone(),
            None => self.decoded(&self.k, self.options.keys),
        };
        let v = self.decoded(&self.v, self.options.values);
        let mut want = Vec::new();
        for row in first..self.places.len() {
            let (sequence, last) = (
                self.places[row] as usize / capacity,
                self.places[row] as usize % capacity,
            );
            // The newest row of each position.
            let mut seen = vec![None; last + 1];
            for (at, place) in self.places.iter().enumerate() {
                let position = *place as usize % capacity;
                if *place as usize / capacity == sequence && position <= last {
                    seen[position] = Some(at);
                }
            }
            let from = self
                .options
                .window
                .map_or(0, |window| (last + 1).saturating_sub(window));
            for head in 0..q_heads {
                let q = &self.q[(row * q_heads + head) * d..][..d];
                let of_keys = head * kv_heads / q_heads;
                let mut scores = Vec::new();
                let mut slack = 0f64;
                for at in seen[from..].iter().map(|at| at.expect("no gap before a row")) {
                    let k = &k[(at * kv_heads + of_keys) * d..][..d];
                    let size = |x: &[f32]| x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
                    let dot: f64 = q.iter().zip(k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
                    let scale = f64::from(self.options.scale);
                    let mut score = dot * scale;
                    // A quarter of the numbers one after the other, then four; as many more of a rotation.
                    let roundings = 6e-8 * (d as f64 / 4.0 + 16.0);
                    slack = slack.max(roundings * size(q) * size(k) * scale);
                    if let Some(cap) = self.options.soft_cap.map(f64::from) {
                        score = cap * (score / cap).tanh();
                        slack += 4e-7 * cap;
                    }
                    // exp(x) may be off by 3 + 2 |x| units in the last place.
                    slack += 3e-7 * score.abs();
                    scores.push((at, score));
                }
                let sink = self.sinks.get(head).map(|s| f64::from(*s));
                let top = scores
                    .iter()
                    .map(|(_, s)| *s)
                    .chain(sink)
                    .fold(f64::NEG_INFINITY, f64::max);
                let total: f64 = scores.iter().map(|(_, s)| (s - top).exp()).sum();
                let total = total + sink.map_or(0.0, |s| (s - top).exp());
                // A rotation spreads the error of a number over its vector.
                let sizes = scores.iter().map(|(at, s)| {
                    let v = &v[(at * kv_heads + of_keys) * value_d..][..value_d];
                    (s - top).exp() / total * v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
                });
                let size: f64 = sizes.sum();
                for i in 0..value_d {
                    let of = |at: usize| f64::from(v[(at * kv_heads + of_keys) * value_d + i]);
                    let sum: f64 = scores.iter().map(|(at, s)| (s - top).exp() * of(*at)).sum();
                    want.push((sum / total, (2.0 * slack + 2e-6) * size));
                }
            }
        }
        want
    }
}

/// The largest error in units of the bound; fails where one is over it.
pub fn check(y: &[f32], want: &[(f64, f64)]) -> Result<f64, String> {
    assert_eq!(y.len(), want.len());
    let mut worst = 0f64;
    for (i, (y, (want, bound))) in y.iter().zip(want).enumerate() {
        let error = (f64::from(*y) - want).abs();
        if !(error <= *bound) {
            return Err(format!(
                "output {i} is {y:e}, should be {want:e}: off by {error:e}, bound {bound:e}"
            ));
        }
        worst = worst.max(error / bound);
    }
    Ok(worst)
}

/// Every shape that a kernel may stumble over: one to many query heads a key head, sizes of keys and values apart, rows
/// of one and of several sequences, windows, caps, sinks.
pub fn cases() -> Vec<Case> {
    use lowbit::kv::{KvRotation, KvType};
    let sized = |q_heads, kv_heads, d, kind, capacity| AttentionOptions::new(q_heads, kv_heads, d, kind, capacity);
    let rows = |count: u32| (0..count).collect::<Vec<u32>>();
    let f16 = KvType::F16;
    let mut all = vec![
        Case::new(sized(1, 1, 8, f16, 70), rows(70), 1),
        Case::new(sized(9, 3, 64, KvType::Q8_0, 200), rows(131), 2),
        Case::new(sized(4, 4, 32, KvType::Q4_0, 65), rows(65), 3),
        Case::new(sized(14, 2, 64, KvType::Q8_0, 40), rows(33), 4),
        Case::new(sized(20, 2, 96, f16, 90), rows(17), 5),
        Case::new(sized(8, 2, 128, KvType::TurboMse { bits: 4 }, 80), rows(66), 6),
        Case::new(sized(3, 1, 80, KvType::TurboProd { bits: 3 }, 80), rows(20), 7),
        Case::new(sized(2, 1, 256, KvType::TurboProd { bits: 4 }, 20), rows(18), 8),
        Case::new(sized(6, 3, 64, KvType::Q8_0, 100).with_window(Some(5)), rows(90), 9),
        Case::new(sized(4, 2, 40, f16, 200).with_window(Some(64)), rows(190), 10),
        Case::new(sized(4, 1, 64, KvType::Q4_0, 30).with_soft_cap(Some(2.0)), rows(30), 11),
        Case::new(sized(8, 2, 64, KvType::Q8_0, 80).with_sinks(true), rows(70), 12),
    ];
    // Keys and values of two types and sizes.
    let apart = sized(6, 2, 64, KvType::Q8_0, 50).with_values(KvOptions::new(KvType::TurboMse { bits: 3 }, 32));
    all.push(Case::new(apart, rows(40), 13));
    let rotated = KvOptions::new(KvType::Q4_0, 64).with_rotation(KvRotation::Hadamard);
    let apart = sized(4, 2, 24, f16, 50).with_values(rotated).with_sinks(true);
    all.push(Case::new(apart, rows(21), 14));
    // Three sequences of different lengths, their rows mixed; then rows that overwrite what was there.
    let batch = sized(4, 2, 32, KvType::Q8_0, 30).with_sequences(3);
    let mut mixed: Vec<u32> = (0..29).flat_map(|i| [i, 60 + i]).collect();
    mixed.extend(30..35);
    all.push(Case::new(batch, mixed, 15));
    let again = [rows(30), vec![10, 11, 12]].concat();
    all.push(Case::new(sized(4, 2, 32, f16, 40), again, 16));
    all
}

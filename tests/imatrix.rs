//! Importance matrices: collected sums against plain sums, both kinds of file against bytes written by hand.

#[path = "imatrix/values.rs"]
mod values;

use lowbit::calibrate::imatrix::Importance;
use lowbit::gguf::{Gguf, Value, Writer};
use lowbit::random::SplitMix64;
use lowbit::{Dense, Error, Format, Matrix};

fn normals(count: usize, seed: u64) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.normal() as f32).collect()
}

fn mean_squares(k: usize, x: &[f32]) -> Vec<f32> {
    let rows = (x.len() / k) as f64;
    let sum = |j: usize| x.iter().skip(j).step_by(k).map(|&x| f64::from(x).powi(2)).sum::<f64>();
    (0..k).map(|j| (sum(j) / rows) as f32).collect()
}

/// Batches give the same as one call; more columns than one worker takes.
#[test]
fn collected() {
    let (k, rows) = (200, 37);
    let x = normals(k * rows, 1);
    let mut batches = Importance::new();
    batches.add("a", k, &x[..5 * k]).unwrap();
    batches.add("a", k, &[]).unwrap();
    batches.add("a", k, &x[5 * k..]).unwrap();
    assert_eq!(batches.means("a").unwrap(), mean_squares(k, &x));
    assert_eq!(batches.counts("a").unwrap(), [37.0]);
    assert_eq!(batches.means("b"), None);
    let mut whole = Importance::new();
    whole.add("a", k, &x).unwrap();
    assert_eq!(whole, batches);
}

#[test]
fn experts() {
    let k = 8;
    let x = normals(3 * k, 2);
    let mut importance = Importance::new();
    importance.add_expert("e", k, 3, 2, &x[..k]).unwrap();
    importance.add_expert("e", k, 3, 0, &x[k..]).unwrap();
    assert_eq!(importance.counts("e").unwrap(), [2.0, 0.0, 1.0]);
    let means = importance.means("e").unwrap();
    assert_eq!(means[..k], mean_squares(k, &x[k..]));
    // An expert without tokens.
    assert_eq!(means[k..2 * k], [1.0; 8]);
    assert_eq!(means[2 * k..], mean_squares(k, &x[..k]));
    for (k, experts, expert) in [(8, 3, 3), (4, 3, 0), (8, 2, 0), (12, 2, 0)] {
        let x = vec![1.0; k];
        let error = importance.add_expert("e", k, experts, expert, &x).unwrap_err();
        assert!(matches!(error, Error::Argument { .. }), "{error}");
    }
    assert_eq!(importance.means("e").unwrap(), means);
}

#[test]
fn merged() {
    let k = 16;
    let x = normals(9 * k, 3);
    let (mut a, mut b, mut both) = (Importance::new(), Importance::new(), Importance::new());
    a.add("shared", k, &x[..4 * k]).unwrap();
    b.add("shared", k, &x[4 * k..]).unwrap();
    b.add("of b", k, &x).unwrap();
    a.add_dataset("one.txt");
    b.add_dataset("one.txt");
    b.add_dataset("two.txt");
    both.add("shared", k, &x).unwrap();
    both.add("of b", k, &x).unwrap();
    a.merge(&b).unwrap();
    assert_eq!(a.counts("shared"), both.counts("shared"));
    assert_eq!(a.means("of b"), both.means("of b"));
    let means = (a.means("shared").unwrap(), both.means("shared").unwrap());
    for (got, expected) in means.0.iter().zip(&means.1) {
        // Sums of f64 in another order, rounded to f32.
        assert!((got - expected).abs() <= f32::EPSILON * expected, "{got}, {expected}");
    }
    assert_eq!(a.datasets(), ["one.txt", "two.txt"]);

    let mut other = Importance::new();
    other.add("new", k, &x).unwrap();
    other.add("shared", 2 * k, &x[..2 * k]).unwrap();
    let before = a.clone();
    assert!(matches!(a.merge(&other), Err(Error::Argument { .. })));
    assert_eq!(a, before);
}

/// The keys, names and shapes that llama.cpp reads, and reading them back.
#[test]
fn gguf() {
    let k = 24;
    let mut importance = Importance::new();
    importance.add("blk.0.attn_q.weight", k, &normals(700 * k, 4)).unwrap();
    let x = normals(k, 5);
    importance.add_expert("blk.0.ffn_up_exps.weight", k, 2, 1, &x).unwrap();
    importance.add_dataset("stories.txt");
    importance.set_chunk_size(256).unwrap();
    let bytes = importance.to_gguf().unwrap();

    let file = Gguf::parse(&bytes).unwrap();
    let value = |key: &str| file.get(key).unwrap().value();
    assert_eq!(value("general.type"), "imatrix".into());
    assert_eq!(value("imatrix.datasets"), Value::from(vec!["stories.txt".to_owned()]));
    assert_eq!(value("imatrix.chunk_count"), Value::U32(2));
    assert_eq!(value("imatrix.chunk_size"), Value::U32(256));
    let shape = |name: &str| file.tensor(name).unwrap().dims().to_vec();
    assert_eq!(shape("blk.0.attn_q.weight.in_sum2"), [24, 1]);
    assert_eq!(shape("blk.0.attn_q.weight.counts"), [1, 1]);
    assert_eq!(shape("blk.0.ffn_up_exps.weight.in_sum2"), [24, 2]);
    assert_eq!(shape("blk.0.ffn_up_exps.weight.counts"), [1, 2]);
    assert_eq!(file.to_f32("blk.0.attn_q.weight.counts").unwrap(), [700.0]);
    let sums = file.to_f32("blk.0.ffn_up_exps.weight.in_sum2").unwrap();
    let squares: Vec<f32> = x.iter().map(|x| x * x).collect();
    assert_eq!(sums, [vec![0.0; k], squares].concat());

    let read = Importance::from_bytes(&bytes).unwrap();
    assert_eq!(read.chunk_size(), 256);
    assert_eq!(read.chunk_count(), 2);
    assert_eq!(read.datasets(), ["stories.txt"]);
    assert_eq!(read.names().collect::<Vec<_>>(), importance.names().collect::<Vec<_>>());
    for name in importance.names() {
        assert_eq!(read.counts(name), importance.counts(name));
        let means = (read.means(name).unwrap(), importance.means(name).unwrap());
        for (got, expected) in means.0.iter().zip(&means.1) {
            // Sums were rounded to f32 once, means are rounded again.
            assert!((got - expected).abs() <= 1.2e-7 * expected, "{got}, {expected}");
        }
    }
    // Rounded values do not change again.
    assert_eq!(read.to_gguf().unwrap(), bytes);
}

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// A file with the given sums (of shape `dims`) and counts for one matrix.
fn file(sums: &[f32], dims: [u64; 2], counts: &[f32]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.metadata("general.type", "imatrix").unwrap();
    writer.tensor("w.in_sum2", &dims, 0, f32s(sums)).unwrap();
    writer
        .tensor("w.counts", &[1, counts.len() as u64], 0, f32s(counts))
        .unwrap();
    writer.to_bytes().unwrap()
}

/// Files from before llama.cpp stored chunk counts, and several matrices under one count.
#[test]
fn gguf_by_hand() {
    let read = Importance::from_bytes(&file(&[2.0, 4.0, 9.0, 0.0], [2, 2], &[2.0, 3.0])).unwrap();
    assert_eq!(read.means("w").unwrap(), [1.0, 2.0, 3.0, 0.0]);
    let read = Importance::from_bytes(&file(&[2.0, 4.0, 9.0, 0.0], [2, 2], &[4.0])).unwrap();
    assert_eq!(read.means("w").unwrap(), [0.5, 1.0, 2.25, 0.0]);
    assert_eq!(read.chunk_size(), Importance::CHUNK_SIZE);
    assert!(read.datasets().is_empty());
}

#[test]
fn hostile_gguf() {
    let good = ([1.0, 2.0, 3.0, 4.0], [2u64, 2u64], [1.0, 1.0]);
    assert!(Importance::from_bytes(&file(&good.0, good.1, &good.2)).is_ok());
    for wrong in [f32::NAN, f32::INFINITY, -1.0] {
        let mut sums = good.0;
        sums[3] = wrong;
        let error = Importance::from_bytes(&file(&sums, good.1, &good.2)).unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error}");
        let error = Importance::from_bytes(&file(&good.0, good.1, &[1.0, wrong])).unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error}");
    }
    // 4 sums for 3 matrices.
    let error = Importance::from_bytes(&file(&good.0, good.1, &[1.0; 3])).unwrap_err();
    let Error::File { expected, got, .. } = &error else {
        panic!("{error}");
    };
    assert!(expected.contains('3') && got == "4", "{error}");

    let alone = |name: &str| {
        let mut writer = Writer::new();
        writer.tensor(name, &[2], 0, f32s(&[1.0, 2.0])).unwrap();
        Importance::from_bytes(&writer.to_bytes().unwrap()).unwrap_err()
    };
    assert!(matches!(alone("w.in_sum2"), Error::NoTensor { .. }));
    assert!(matches!(alone("w.counts"), Error::NoTensor { .. }));
    assert!(matches!(alone("w"), Error::File { .. }));
    let mut writer = Writer::new();
    writer.metadata("imatrix.chunk_size", 0u32).unwrap();
    let error = Importance::from_bytes(&writer.to_bytes().unwrap()).unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error}");
}

/// A name longer than GGUF allows, a sum that overflows f32.
#[test]
fn not_to_be_written() {
    let mut importance = Importance::new();
    importance.add(&"n".repeat(55), 8, &[1.0; 8]).unwrap();
    assert!(importance.to_gguf().is_ok());
    importance.add(&"n".repeat(56), 8, &[1.0; 8]).unwrap();
    assert!(matches!(importance.to_gguf(), Err(Error::File { .. })));
    let mut importance = Importance::new();
    importance.add("w", 8, &[1e30; 8]).unwrap();
    assert!(matches!(importance.to_gguf(), Err(Error::File { .. })));
    assert!(importance.set_chunk_size(0).is_err());
}

#[test]
fn no_inputs_of_that_kind() {
    let mut importance = Importance::new();
    assert!(matches!(
        importance.add("w", 8, &[1.0; 7]),
        Err(Error::Inputs { k: 8, got: 7, .. })
    ));
    assert!(matches!(importance.add("w", 0, &[]), Err(Error::Inputs { .. })));
    let mut x = [1.0; 16];
    x[11] = f32::NAN;
    let error = importance.add("w", 8, &x).unwrap_err();
    assert!(error.to_string().contains("row 1, column 3"), "{error}");
    assert_eq!(importance.names().count(), 0);
}

/// The older file format, word by word.
struct Dat(Vec<u8>);

impl Dat {
    fn int(mut self, value: i32) -> Dat {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn text(self, text: &str) -> Dat {
        let mut with = self.int(text.len() as i32);
        with.0.extend(text.as_bytes());
        with
    }

    fn values(self, values: &[f32]) -> Dat {
        let mut with = self.int(values.len() as i32);
        with.0.extend(f32s(values));
        with
    }

    fn read(&self) -> lowbit::Result<Importance> {
        Importance::from_bytes(&self.0)
    }
}

fn dat() -> Dat {
    Dat(Vec::new())
        .int(2)
        .text("a.weight")
        .int(4)
        .values(&[4.0, 0.5, 12.0])
        .text("b.weight")
        .int(0)
        .values(&[3.0])
}

#[test]
fn older_file() {
    for with_text in [false, true] {
        let whole = if with_text {
            dat().int(4).text("wiki.txt")
        } else {
            dat()
        };
        let read = whole.read().unwrap();
        assert_eq!(read.means("a.weight").unwrap(), [1.0, 0.125, 3.0]);
        // A call count of 0: values are stored unscaled.
        assert_eq!(read.means("b.weight").unwrap(), [3.0]);
        assert_eq!(read.datasets().len(), with_text as usize);
        assert_eq!(read.chunk_count(), 4);
        // The GGUF file holds the same.
        let again = Importance::from_bytes(&read.to_gguf().unwrap()).unwrap();
        assert_eq!(again, read);
    }
}

#[test]
fn hostile_older_files() {
    let whole = dat().int(4).text("wiki.txt").0;
    let without_text = dat().0.len();
    for end in 0..whole.len() {
        let read = Importance::from_bytes(&whole[..end]);
        assert_eq!(read.is_ok(), end == without_text, "{end} bytes");
    }
    let one = || Dat(Vec::new()).int(1);
    for wrong in [
        Dat(Vec::new()).int(0),
        Dat(Vec::new()).int(-1),
        one().int(-5),
        one().int(i32::MAX),
        one().text("w").int(-1).values(&[1.0]),
        one().text("w").int(1).int(-1),
        one().text("w").int(1).int(i32::MAX),
        one().text("w").int(1).values(&[]),
        one().text("w").int(1).values(&[1.0, f32::NAN]),
        one().text("w").int(1).values(&[1.0, -1.0]),
        Dat(Vec::new())
            .int(2)
            .text("w")
            .int(1)
            .values(&[1.0])
            .text("w")
            .int(1)
            .values(&[1.0]),
    ] {
        let error = wrong.read().unwrap_err();
        let expected = matches!(error, Error::File { .. } | Error::Truncated { .. });
        assert!(expected, "{error}");
    }
    let mut bytes = dat().0;
    bytes[8] = 0xff; // in the first name
    assert!(matches!(Importance::from_bytes(&bytes), Err(Error::File { .. })));
}

/// The purpose: weights that multiply large inputs have a smaller error, and so have outputs.
#[test]
fn weighted_rounding() {
    let (n, k, rows) = (32, 96, 256);
    let weights = normals(n * k, 6);
    let mut x = normals(rows * k, 7);
    for row in x.chunks_mut(k) {
        row.iter_mut().step_by(9).for_each(|x| *x *= 8.0);
    }
    let mut importance = Importance::new();
    importance.add("w", k, &x[..rows / 2 * k]).unwrap();
    let means = importance.means("w").unwrap();
    // Inputs outside the collected set.
    let held_out = &x[rows / 2 * k..];
    let exact = Dense::new(n, k, &weights)
        .and_then(|w| Matrix::quantize(Format::F32, w))
        .unwrap()
        .matmul(held_out)
        .unwrap();
    let error = |matrix: Matrix| -> f64 {
        let y = matrix.matmul(held_out).unwrap();
        y.iter().zip(&exact).map(|(y, e)| f64::from(y - e).powi(2)).sum()
    };
    for format in [Format::Q4_0, Format::Q4_1, Format::IQ4_NL] {
        let plain = error(Matrix::quantize(format, Dense::new(n, k, &weights).unwrap()).unwrap());
        let weighted = Matrix::quantize_weighted(format, Dense::new(n, k, &weights).unwrap(), &means).unwrap();
        let weighted = error(weighted);
        assert!(weighted < plain, "{format}: {weighted}, without {plain}");
    }
}

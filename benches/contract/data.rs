//! A Q4_0-like matrix in both orders of rows, x, and their expected product.

/// Weights that share a scale.
const BLOCK: usize = 32;
/// Words of codes in a block: byte b of word j holds weight 4j + b in its low nibble, 16 + 4j + b in its high one.
const WORDS: usize = 4;

/// Codes and f16 scales, in one order of rows.
pub struct Planes {
    pub codes: Vec<u32>,
    pub scales: Vec<u16>,
}

pub struct Data {
    pub n: usize,
    pub x: Vec<f32>,
    pub row_major: Planes,
    pub interleaved: Planes,
    /// For each row the f64 sum and Σ|x·w|.
    pub expected: Vec<(f64, f64)>,
}

impl Data {
    /// A square matrix of `n` rows.
    pub fn new(n: usize) -> Data {
        assert!(
            n > 0 && n.is_multiple_of(BLOCK),
            "N must be a multiple of {BLOCK}, got {n}"
        );
        let mut state = 1u32;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        let blocks = n / BLOCK;
        let row_major = Planes {
            codes: (0..n * blocks * WORDS).map(|_| random()).collect(),
            // Positive, finite, from 2^-8 up to 2^-7.
            scales: (0..n * blocks).map(|_| 0x1c00 | (random() & 0x3ff) as u16).collect(),
        };
        let x: Vec<f32> = (0..n).map(|_| (random() as f64 / 2f64.powi(32) - 0.5) as f32).collect();
        let expected = (0..n).map(|row| product(&row_major, &x, row)).collect();
        let interleaved = interleave(&row_major, n);
        Data {
            n,
            x,
            row_major,
            interleaved,
            expected,
        }
    }
}

fn product(planes: &Planes, x: &[f32], row: usize) -> (f64, f64) {
    let (mut sum, mut size) = (0.0, 0.0);
    let first = row * x.len() / BLOCK;
    for (b, x) in x.chunks(BLOCK).enumerate() {
        let scale = half::f16::from_bits(planes.scales[first + b]).to_f64();
        for (i, x) in x.iter().enumerate() {
            let word = planes.codes[(first + b) * WORDS + i % 16 / 4];
            let code = word >> (8 * (i % 4) + 4 * (i / 16)) & 15;
            let term = scale * (code as f64 - 8.0) * *x as f64;
            sum += term;
            size += term.abs();
        }
    }
    (sum, size)
}

/// Block b of row r goes to (r / 8, b, r % 8).
fn interleave(from: &Planes, n: usize) -> Planes {
    let blocks = n / BLOCK;
    let mut to = Planes {
        codes: vec![0; from.codes.len()],
        scales: vec![0; from.scales.len()],
    };
    for row in 0..n {
        for b in 0..blocks {
            let (old, new) = (row * blocks + b, (row / 8 * blocks + b) * 8 + row % 8);
            to.codes[new * WORDS..][..WORDS].copy_from_slice(&from.codes[old * WORDS..][..WORDS]);
            to.scales[new] = from.scales[old];
        }
    }
    to
}

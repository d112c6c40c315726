//! Any bytes as packed weights of any format, and any floats as weights to pack: each gives an error
//! or numbers, which are finite where the crate says so.

#![no_main]

use lowbit::{Dense, Error, Format, Group, Matrix};
use lowbit_fuzz::{Choices, all_finite};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut choices = Choices::new(input);
    let format = format(&mut choices);
    let (n, k, mode) = (1 + choices.byte() % 4, columns(format, choices.byte()), choices.byte());
    match mode % 4 {
        0 | 1 => stored(format, n, k, &choices),
        _ => packed(format, n, k, mode, &choices),
    }
});

/// A format chosen by three bytes: the format, its group, the type of its scales.
fn format(choices: &mut Choices) -> Format {
    let mut format = Format::ALL[choices.byte() % Format::ALL.len()];
    let group = match choices.byte() {
        0 => Ok(format),
        1 => format.with_group(Group::Row),
        group => format.with_group(8 * (group - 1)),
    };
    format = group.unwrap_or(format);
    let (scale, types) = (choices.byte(), format.scale_types());
    match types.get(scale % (types.len() + 1)) {
        Some(&scale) => format.with_scale(scale).unwrap(),
        None => format,
    }
}

/// A number of columns, which is mostly valid for the format.
fn columns(format: Format, byte: usize) -> usize {
    let unit = match format.row_bytes(8) {
        Ok(_) => 1,
        Err(_) => format.block_len().unwrap_or(8),
    };
    match byte % 8 {
        0 => byte * 3,
        // Few columns leave the last group short, which only some formats allow.
        _ if unit == 1 => 8 * (1 + byte / 8),
        _ => unit * (1 + byte % 3),
    }
}

fn stored(format: Format, n: usize, k: usize, choices: &Choices) {
    let row = match format.row_bytes(k) {
        Ok(row) if k > 0 => row,
        _ => {
            let refused = Matrix::from_bytes(format, n, k, vec![0; n * k]);
            return assert!(refused.is_err());
        }
    };
    let bytes = choices.fill(n * row);
    assert!(Matrix::from_bytes(format, n, k, &bytes[1..]).is_err());
    let matrix = match Matrix::from_bytes(format, n, k, &bytes[..]) {
        Err(Error::Codebook { expected, .. }) => {
            let codebook = choices.fill(4 * expected);
            Matrix::from_codebook(format, n, k, bytes, &codebook)
        }
        other => other,
    };
    check(&matrix.unwrap());
}

fn packed(format: Format, n: usize, k: usize, mode: usize, choices: &Choices) {
    let mut weights = choices.floats(n * k);
    if mode & 4 != 0 {
        // Random bits are rarely all finite.
        for w in &mut weights {
            *w = f32::from_bits(w.to_bits() & !(1 << 29));
        }
    }
    let matrix = match mode & 8 {
        0 => Dense::new(n, k, &weights).and_then(|w| Matrix::quantize(format, w)),
        _ => {
            let importance: Vec<_> = choices.floats(k + 1)[1..].iter().map(|w| w.abs()).collect();
            Dense::new(n, k, &weights).and_then(|w| Matrix::quantize_weighted(format, w, &importance))
        }
    };
    let Ok(matrix) = matrix else { return };
    assert!(all_finite(&matrix.dequantize()), "{format}");
    matrix.validate("what it packed").unwrap();
    check(&matrix);
}

fn check(matrix: &Matrix) {
    let (format, n, k) = (matrix.format(), matrix.n(), matrix.k());
    let valid = matrix.validate("a matrix").is_ok();
    let weights = matrix.dequantize();
    assert_eq!(weights.len(), n * k);
    assert!(!valid || all_finite(&weights), "{format}");
    let seen = matrix.inspect();
    assert_eq!(seen.codes.len(), n * k);
    assert_eq!(seen.scales.len(), seen.offsets.len());
    assert_eq!(matrix.matmul(&vec![0.5; 3 * k]).unwrap().len(), 3 * n);
    assert!(matrix.matmul(&vec![0.5; 3 * k + 1]).is_err() || k == 1);
}

//! Bytes and floats of the original tools against the CPU path.

mod common;

use common::{golden, same_bits};
use lowbit::{Format, Matrix};

#[test]
fn every_case_decodes_bit_for_bit() {
    let cases = golden::cases();
    for case in &cases {
        let weights = case.as_tool(&case.matrix.dequantize());
        same_bits(&weights, &case.dequantized).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    }
    // Every format has a case: a new one without is a failure here.
    for format in Format::ALL {
        let name = format.name();
        assert!(
            cases.iter().any(|c| c.format.name() == name),
            "{name} has no golden case"
        );
    }
}

#[test]
fn encoders_give_the_tools_bytes() {
    for case in golden::cases().iter().filter(|c| c.encoder) {
        let differs = first_difference(case.encode().bytes(), case.matrix.bytes());
        assert_eq!(differs, None, "{}: first differing byte", case.name);
    }
}

/// Other weights: zeros of both signs, tiny ones, groups of very different size, columns that do
/// not matter. The lattice formats are compared in `src/quantize/lattice/tests.rs` for as long as
/// they have no name here.
#[test]
fn encoders_give_ggml_bytes_of_more_weights() {
    let mut compared = 0;
    for case in golden::encodings() {
        let Some(ours) = case.encode() else {
            let lattice = ["iq1_", "iq2_", "iq3_"]
                .iter()
                .any(|f| case.format.starts_with(f));
            assert!(lattice, "{} is no format", case.format);
            continue;
        };
        let differs = first_difference(ours.bytes(), &case.bytes);
        assert_eq!(differs, None, "{}: first differing byte", case.format);
        compared += 1;
    }
    assert!(compared >= 22, "{compared} encodings compared");
}

fn first_difference(ours: &[u8], tools: &[u8]) -> Option<usize> {
    assert_eq!(ours.len(), tools.len());
    ours.iter().zip(tools).position(|(a, b)| a != b)
}

/// Every byte of every case matters: one flipped bit is seen in the decoded weights or, where it
/// lies in a field that these weights do not use, changes nothing at all.
#[test]
fn flipped_bits_are_reported() {
    let mut random = common::Random(11);
    for case in golden::cases() {
        let (mut seen, tries) = (0, 64);
        for _ in 0..tries {
            let mut bytes = case.matrix.bytes().to_vec();
            let at = random.next() as usize % bytes.len();
            bytes[at] ^= 1 << (random.next() % 8);
            let (n, k) = (case.matrix.n(), case.matrix.k());
            let broken = Matrix::from_bytes(case.format, n, k, bytes).unwrap();
            let weights = case.as_tool(&broken.dequantize());
            seen += same_bits(&weights, &case.dequantized).is_err() as usize;
        }
        // Zero blocks hide their codes, and rounding to f16 hides a little: the rest must show.
        assert!(
            seen > tries / 2,
            "{}: {seen} of {tries} flipped bits seen",
            case.name
        );
    }
}

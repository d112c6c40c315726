//! NaN and infinite scales and weights are found, wherever they are.

mod common;

use common::{altered_matrix, fitting_k, formats, random_matrix};
use lowbit::{Dense, Error, Format, Group, Matrix, ScaleType};

/// Every scale of every format, made infinite and NaN, is reported with its place; sound matrices are not.
#[test]
fn scales_that_are_no_numbers_are_found() {
    for format in formats() {
        let (n, k) = (3, fitting_k(format, 520));
        let sound = random_matrix(format, n, k, 3);
        sound.validate("here").unwrap_or_else(|e| panic!("{format}: {e}"));
        let row_bytes = format.row_bytes(k).unwrap();
        for (i, &(at, scale)) in format.float_fields().iter().enumerate() {
            // Where a block has scales of eight groups, the place is that of the group.
            let column = match (format.float_fields().len(), format.group()) {
                (8, Group::Len(group)) => i * group,
                _ => 0,
            };
            let place = format!("[1, {column}]");
            let broken: &[&[u8]] = match scale {
                ScaleType::F16 => &[&[0, 0x7c], &[1, 0xfe]],
                ScaleType::BF16 => &[&[0x80, 0xff], &[0xc0, 0x7f]],
                ScaleType::F32 => &[&[0, 0, 0x80, 0x7f], &[0, 0, 0xc0, 0xff]],
                ScaleType::E8M0 => &[&[255]],
                ScaleType::E4M3 if format == Format::NVFP4 => continue, // ggml reads 127 as 0
                ScaleType::E4M3 => &[&[127], &[255]],
                other => panic!("add NaN as {other} here"),
            };
            for bytes in broken {
                let matrix = altered_matrix(format, n, k, 3, |all| {
                    all[row_bytes + at..][..bytes.len()].copy_from_slice(bytes)
                });
                // The sum of Q8_1 is not read, nor are scales of groups behind the end of a row.
                let ignored = format == Format::Q8_1 && at == 2 || column >= k;
                match matrix.validate("here") {
                    Ok(()) => assert!(ignored, "{format}: {scale} {bytes:x?} at {at}"),
                    Err(e) => {
                        let text = e.to_string();
                        assert!(text.contains("here") && text.contains(&place), "{text}");
                        assert!(!ignored, "{text}");
                    }
                }
            }
        }
    }
    // NaN codes: all bits of an E4M3.
    let mut fp8 = Dense::new(1, 128, &[1.0; 128])
        .and_then(|w| Matrix::quantize(Format::FP8_E4M3, w))
        .unwrap()
        .bytes()
        .to_vec();
    fp8[4 + 77] = 0x7f;
    let fp8 = Matrix::from_bytes(Format::FP8_E4M3, 1, 128, fp8).unwrap();
    let text = fp8.validate("weights").unwrap_err().to_string();
    assert!(text.contains("weights") && text.contains("[0, 77]"), "{text}");
}

/// A scale may be finite and its weights infinite, but only if their codes are large.
#[test]
fn weights_past_the_end_of_f32_are_found() {
    let matrix = |code: u8| {
        let block = [&[254][..], &[code; 16]].concat();
        Matrix::from_bytes(Format::MXFP4, 1, 32, block).unwrap()
    };
    // 0.5 · 2^127, and 4 · 2^127.
    matrix(0x11).validate("w").unwrap();
    let error = matrix(0x16).validate("w").unwrap_err();
    assert!(
        matches!(&error, Error::BadScale { what, value, .. } if what == "weight" && *value == f32::INFINITY),
        "{error}"
    );
    // An encoder does not produce such weights either, even if rounding up would.
    let bf16 = Format::INT7.with_scale(ScaleType::BF16).unwrap();
    for format in [bf16, Format::INT4_BIAS, Format::NF4, Format::BF16] {
        match Dense::new(1, 64, &[f32::MAX; 64]).and_then(|w| Matrix::quantize(format, w)) {
            Ok(matrix) => matrix.validate("w").unwrap(),
            Err(error) => assert!(matches!(error, Error::ScaleRange { .. }), "{error}"),
        }
    }
}

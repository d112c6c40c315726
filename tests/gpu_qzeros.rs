//! Packed zero points on a device: bytes and weights of the tools' files, and what groups behind the end of a row hold.
#![cfg(feature = "gpu")]

mod common;
#[path = "common/qzeros.rs"]
mod made;

use common::{Random, altered_matrix, gpu, same_bits};
use lowbit::{Format, Matrix};
use made::cases;

#[test]
fn matrices_of_files_take_their_bytes() {
    let gpu = gpu::gpu();
    for case in cases() {
        let weights = gpu.upload(case.linear.matrix()).unwrap();
        let share = weights.device_bytes() as f64 / case.file_bytes as f64;
        assert!(share <= 1.03, "{}: {share:.4} of the file's bytes", case.name);
        let plain = case.integers.asymmetric().dequantize();
        same_bits(&gpu.dequantize(&weights).unwrap(), &plain).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    }
}

/// A part that ends behind its row reads scales of groups that the row does not have.
#[test]
fn scales_behind_a_row_are_not_read() {
    let gpu = gpu::gpu();
    for format in [Format::INT4_QZEROS, Format::INT3_QZEROS] {
        let (n, k) = (11, 64 + 40);
        let format = format.with_group(8).unwrap();
        let row_bytes = format.row_bytes(k).unwrap();
        let with = |scale: half::f16| {
            altered_matrix(format, n, k, 4, |bytes| {
                for row in bytes.chunks_mut(row_bytes) {
                    // The second block has five of eight groups.
                    let block = &mut row[format.block_bytes().unwrap()..];
                    for &(at, _) in &format.float_fields()[5..] {
                        block[at..at + 2].copy_from_slice(&scale.to_le_bytes());
                    }
                }
            })
        };
        let x = Random::new(5).floats(3 * k, 1.0);
        let product = |matrix: &Matrix| {
            let weights = gpu.upload(matrix).unwrap();
            gpu.matmul(&x, &weights).unwrap()
        };
        let (zero, nan) = (with(half::f16::ZERO), with(half::f16::NAN));
        nan.validate("here").unwrap();
        let y = product(&nan);
        assert!(y.iter().all(|y| y.is_finite()), "{format}: {y:?}");
        same_bits(&y, &product(&zero)).unwrap_or_else(|e| panic!("{format}: {e}"));
    }
}

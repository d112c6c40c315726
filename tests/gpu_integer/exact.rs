//! Weights with which every product is exact in f32, whatever the order of its sum.

use crate::common::altered_matrix;
use lowbit::{Format, Matrix, ScaleType};

/// Random codes, and scales that are powers of two.
pub fn exact_matrix(format: Format, n: usize, k: usize) -> Matrix<'static> {
    let row_bytes = format.row_bytes(k).unwrap();
    altered_matrix(format, n, k, 11, |bytes| {
        for (r, row) in bytes.chunks_mut(row_bytes).enumerate() {
            let step = format.block_bytes().unwrap_or(row_bytes);
            for (b, block) in row.chunks_mut(step).enumerate() {
                // Neighbouring blocks differ.
                let odd = (r + b) % 2;
                for (i, &(at, scale)) in format.float_fields().iter().enumerate() {
                    let value = 2f32.powi((odd + i) as i32 % 3 - 4);
                    match scale {
                        ScaleType::E8M0 => block[at] = 123 + odd as u8,
                        ScaleType::E4M3 => block[at] = 0x38 + 8 * odd as u8,
                        ScaleType::F16 => block[at..at + 2].copy_from_slice(&half::f16::from_f32(value).to_le_bytes()),
                        ScaleType::BF16 => {
                            block[at..at + 2].copy_from_slice(&half::bf16::from_f32(value).to_le_bytes())
                        }
                        ScaleType::F32 => block[at..at + 4].copy_from_slice(&value.to_le_bytes()),
                        other => panic!("add a power of two of type {other} here"),
                    }
                }
                if format.name() == "iq1_m" {
                    // d is in the top nibbles of four half words.
                    for (at, nibble) in [(49, 0), (51, 0), (53, 0xc0), (55, 0x20)] {
                        block[at] = (block[at] & 15) | nibble;
                    }
                }
            }
        }
    })
}

/// Whether every sum of these terms in any order is exact in f32: all are multiples of one unit, and their total is
/// under 2^23 units.
pub fn is_exact(w: &[f32], magnitudes: f64) -> bool {
    let lowest = |w: &f32| {
        let bits = w.to_bits();
        let mantissa = (bits & 0x7f_ffff) | 0x80_0000;
        ((bits >> 23) & 255) as i32 - 150 + mantissa.trailing_zeros() as i32
    };
    let unit = w.iter().filter(|w| **w != 0.0).map(lowest).min();
    magnitudes / (0.25 * 2f64.powi(unit.unwrap_or(0))) < (1 << 23) as f64
}

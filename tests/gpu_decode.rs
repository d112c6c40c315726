//! The device's decoding compared with the CPU twins: equality, not closeness.
#![cfg(feature = "gpu")]

mod common;

use common::{Random, altered_matrix, fitting_k, formats, golden, gpu, random_matrix, same_bits};
use lowbit::{Format, GetRows, Matrix};

/// Shapes whose rows do not fill an octet, with odd counts of blocks, short last groups and short last parts.
fn shapes(format: Format) -> Vec<(usize, usize)> {
    let ks = [8, 33, 96, 784, 1280];
    let mut shapes: Vec<_> = ks.iter().map(|&k| (13, fitting_k(format, k))).collect();
    shapes.dedup();
    shapes
}

#[test]
fn codes_scales_and_weights_are_equal() {
    let gpu = gpu::gpu();
    let mut random = Random::new(100);
    for format in formats() {
        for (n, k) in shapes(format) {
            let matrix = random_matrix(format, n, k, random.next());
            let weights = gpu.upload(&matrix).unwrap();
            let at = format!("{format} [{n}, {k}]");
            assert_eq!(gpu.inspect(&weights).unwrap(), matrix.inspect(), "{at}");
            let back = gpu.dequantize(&weights).unwrap();
            same_bits(&back, &matrix.dequantize()).unwrap_or_else(|e| panic!("{at}: {e}"));
        }
    }
}

#[test]
fn golden_cases_decode_bit_for_bit() {
    let gpu = gpu::gpu();
    for case in golden::cases() {
        let weights = gpu.upload(&case.matrix).unwrap();
        let back = case.as_tool(&gpu.dequantize(&weights).unwrap());
        same_bits(&back, &case.dequantized).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    }
}

/// In ggml's unsigned scales 127 stands for 0, and 255, whose top bit is ignored, for 480 (ggml_ue4m3_to_fp32, twice
/// the halves that it keeps).
#[test]
fn nvfp4_scales_of_every_byte() {
    let gpu = gpu::gpu();
    let (n, k) = (64, 64);
    let mut bytes = Vec::new();
    for row in 0..n {
        bytes.extend((4 * row..4 * row + 4).map(|scale| scale as u8));
        bytes.extend([0x22; 32]); // 1.0
    }
    let matrix = Matrix::from_bytes(Format::NVFP4, n, k, bytes).unwrap();
    let want: Vec<f32> = (0..256)
        .flat_map(|byte: i32| {
            let (exponent, mantissa) = (byte >> 3 & 15, (byte & 7) as f32);
            let scale = match (byte, exponent) {
                (127, _) => 0.0,
                (_, 0) => mantissa * 2f32.powi(-9),
                _ => (1.0 + mantissa / 8.0) * 2f32.powi(exponent - 7),
            };
            [scale; 16]
        })
        .collect();
    assert_eq!(want[16 * 255], 480.0);
    same_bits(&matrix.dequantize(), &want).unwrap();
    let weights = gpu.upload(&matrix).unwrap();
    same_bits(&gpu.dequantize(&weights).unwrap(), &want).unwrap();
}

/// A bit flipped before upload must show in the decoded result.
#[test]
fn flipped_bits_are_reported() {
    let gpu = gpu::gpu();
    let mut random = Random::new(7);
    for &format in Format::ALL {
        let (n, k) = (5, fitting_k(format, 96));
        let seed = random.next();
        let matrix = random_matrix(format, n, k, seed);
        let floats = format.float_fields();
        // A byte of codes that weights are decoded from, not of the sums next to them (fields have at most 8 bits and
        // cross no further byte; plain floats are all field).
        let is_field = |at: usize| {
            let mut fields = floats.iter().map(|(f, s)| *f..f + s.bytes());
            format.block_len().is_some_and(|len| len > 1) && fields.any(|f| f.contains(&at))
        };
        let flipped = |at: usize| {
            // Not the top bit: nibbles 0 and 8 of MXFP4 decode to the same weight.
            altered_matrix(format, n, k, seed, |bytes| bytes[at] ^= 0x40)
        };
        let (at, broken) = (0..)
            .map(|_| random.next() as usize % matrix.bytes().len())
            .filter(|at| !is_field(at % format.block_bytes().unwrap_or(usize::MAX)))
            .map(|at| (at, flipped(at)))
            .find(|(_, broken)| same_bits(&broken.dequantize(), &matrix.dequantize()).is_err())
            .unwrap();
        let weights = gpu.upload(&broken).unwrap();
        // Floats have no codes to inspect.
        if matrix.inspect().codes.iter().any(|&c| c != 0) {
            let seen = gpu.inspect(&weights).unwrap();
            assert!(seen != matrix.inspect(), "{format} byte {at}");
        }
        let back = gpu.dequantize(&weights).unwrap();
        assert!(same_bits(&back, &matrix.dequantize()).is_err(), "{format} byte {at}");
    }
}

#[test]
fn rows_are_looked_up() {
    let gpu = gpu::gpu();
    let mut random = Random::new(8);
    for format in formats() {
        let (n, k) = (37, fitting_k(format, 100));
        let matrix = random_matrix(format, n, k, random.next());
        let weights = gpu.upload(&matrix).unwrap();
        let all = matrix.dequantize();
        let ids: Vec<u32> = (0..21).map(|_| (random.next() % n as u64) as u32).collect();
        let want: Vec<f32> = ids
            .iter()
            .flat_map(|&id| all[id as usize * k..][..k].to_vec())
            .collect();
        let rows = gpu.get_rows(&ids, &weights).unwrap();
        same_bits(&rows, &want).unwrap_or_else(|e| panic!("{format}: {e}"));

        // Recorded, with an index past the end: its row is NaN and the others are unchanged.
        let mut ids = ids;
        ids[3] = n as u32;
        ids[20] = u32::MAX;
        let look_up = GetRows::new(gpu, &weights, ids.len()).unwrap();
        let rows = gpu::run(gpu, &ids, ids.len() * k, |pass, x, y| {
            look_up.encode(pass, x, y).unwrap();
        });
        for (i, (got, want)) in rows.chunks(k).zip(want.chunks(k)).enumerate() {
            if i == 3 || i == 20 {
                assert!(got.iter().all(|w| w.is_nan()), "{format} row {i}");
            } else {
                same_bits(got, want).unwrap_or_else(|e| panic!("{format} row {i}: {e}"));
            }
        }
    }
}

#[test]
fn a_matrix_takes_no_more_room_than_on_the_host() {
    let gpu = gpu::gpu();
    for format in formats() {
        let (n, k) = (16, fitting_k(format, 1536));
        let matrix = random_matrix(format, n, k, 1);
        let device = gpu.upload(&matrix).unwrap().device_bytes() as f64;
        let host = matrix.bytes().len() as f64;
        assert!(
            device <= host * 1.03,
            "{format}: {device} bytes on the device, {host} on the host"
        );
    }
}

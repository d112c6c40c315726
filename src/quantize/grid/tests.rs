//! That codes can be written and read back, for every format that has them.

use super::{CodeGrid, Fitted};
use crate::family::Hints;
use crate::random::SplitMix64;
use crate::{Error, Format, Group, Matrix, Result};

const HINTS: Hints = Hints {
    importance: None,
    row_mean_square: 0.0,
    group: 0,
    first: 0,
};

/// Weights in the block that a test works on.
fn len(format: Format) -> usize {
    format.block_len().unwrap_or(48)
}

fn normals(seed: u64, count: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.normal() as f32).collect()
}

/// Formats with the usual group, with short ones and whole rows where they can have them.
fn formats() -> Vec<Format> {
    let mut formats = Vec::new();
    for &format in Format::ALL {
        formats.push(format);
        formats.extend(format.with_group(24));
        formats.extend(format.with_group(Group::Row));
    }
    formats
}

#[test]
fn which_formats_there_are() {
    let refused: Vec<_> = Format::ALL
        .iter()
        .filter(|&&format| CodeGrid::new(format, len(format)).is_err())
        .map(|format| format.name())
        .collect();
    let expected = [
        "f32",
        "f16",
        "bf16",
        "iq1_s",
        "iq1_m",
        "iq2_xxs",
        "iq2_xs",
        "iq2_s",
        "iq3_xxs",
        "iq3_s",
        "tq1_0",
        "q8_1",
        "q8_k",
        "int8_columns",
        "int4_columns",
        "int3_columns",
        "int2_columns",
        "int1_columns",
        "aqlm_1x16",
        "aqlm_2x8",
    ];
    assert_eq!(refused, expected);
}

#[test]
fn refusals_say_why() {
    let why = |format| CodeGrid::new(format, len(format)).err().unwrap().to_string();
    assert!(
        why(Format::IQ2_XXS).contains("part of several codes"),
        "{}",
        why(Format::IQ2_XXS)
    );
    assert!(why(Format::TQ1_0).contains("part of several codes"));
    assert!(why(Format::Q8_1).contains("follows from its codes"));
    assert!(why(Format::F16).contains("no integer codes"));
    assert!(matches!(
        CodeGrid::new(Format::AQLM_2X8, 8),
        Err(Error::NoEncoder { .. })
    ));
}

#[test]
fn codes_written_are_codes_read() -> Result<()> {
    let mut random = SplitMix64::new(7);
    let mut tried = 0;
    for format in formats() {
        // A short last block too: of 5 weights, a stream of odd bits ends within a byte.
        let lens = if format.with_group(8).is_ok() {
            vec![len(format), 5]
        } else {
            vec![len(format)]
        };
        for len in lens {
            let Ok(grid) = CodeGrid::new(format, len) else {
                continue;
            };
            tried += 1;
            let choices: Vec<i8> = grid.bits.codes().collect();
            for seed in 0..4 {
                let mut block = vec![0u8; format.bytes_for(len)];
                let mut fitted = Fitted::default();
                let weights = normals(seed, len);
                grid.fit(0, &weights, &HINTS, &mut block, &mut fitted).ok().unwrap();
                let codes: Vec<i8> = (0..len).map(|_| choices[random.below(choices.len())]).collect();
                for (i, &code) in codes.iter().enumerate() {
                    grid.set(&mut block, i, code);
                }
                let mut read = vec![0i8; len];
                (format.family().codes)(&block, &mut read);
                assert_eq!(read, codes, "{format}, {len} weights");
                let groups = fitted.affines.iter().enumerate();
                for (g, affine) in groups {
                    assert_eq!((format.family().affine)(&block, g), *affine, "{format}, group {g}");
                }
            }
        }
    }
    // All of Format::ALL that are not refused, and most of them with other groups and lengths.
    assert!(tried > 100, "{tried}");
    Ok(())
}

#[test]
fn the_nearest_of_all_levels() -> Result<()> {
    for &format in Format::ALL {
        let len = len(format);
        let Ok(grid) = CodeGrid::new(format, len) else {
            continue;
        };
        let mut block = vec![0u8; format.bytes_for(len)];
        let mut fitted = Fitted::default();
        grid.fit(0, &normals(1, len), &HINTS, &mut block, &mut fitted)
            .ok()
            .unwrap();
        for (i, w) in normals(2, len).into_iter().enumerate() {
            let (code, value) = grid.round(&fitted, i, w);
            // By writing every code, and decoding the block.
            let mut least = f32::INFINITY;
            for &(_, choice) in &grid.levels {
                let mut block = block.clone();
                grid.set(&mut block, i, choice);
                let weights = Matrix::from_bytes(format, 1, len, block)?.dequantize();
                least = least.min((weights[i] - w).abs());
                if choice == code {
                    assert_eq!(weights[i], value, "{format}");
                }
            }
            assert_eq!((value - w).abs(), least, "{format}: {w} became {value}");
        }
    }
    Ok(())
}

#[test]
fn unchanged_weights_keep_their_codes() {
    for &format in Format::ALL {
        let len = len(format);
        let Ok(grid) = CodeGrid::new(format, len) else {
            continue;
        };
        let weights = normals(3, len);
        let mut block = vec![0u8; format.bytes_for(len)];
        let mut fitted = Fitted::default();
        grid.fit(0, &weights, &HINTS, &mut block, &mut fitted).ok().unwrap();
        let encoded = block.clone();
        for (i, &w) in weights.iter().enumerate() {
            grid.set(&mut block, i, grid.round(&fitted, i, w).0);
        }
        // Not only the same codes: of two patterns for a code (GGUF's MXFP4 has two zeros) the encoder's is the first.
        assert_eq!(block, encoded, "{format}");
    }
}

#[test]
fn levels_that_the_tools_write() -> Result<()> {
    let levels = |format: Format| -> Result<Vec<f32>> {
        Ok(CodeGrid::new(format, len(format))?.levels.iter().map(|l| l.0).collect())
    };
    assert_eq!(levels(Format::TERNARY)?, [-1.0, 0.0, 1.0]);
    assert_eq!(levels(Format::TQ2_0)?, [-1.0, 0.0, 1.0]);
    assert_eq!(levels(Format::Q2_0)?, [-1.0, 0.0, 1.0]);
    assert_eq!(levels(Format::INT1)?, [-1.0, 1.0]);
    let all: Vec<f32> = (-127..=127).map(|l| l as f32).collect();
    assert_eq!(levels(Format::Q8_0)?, all);
    assert_eq!(levels(Format::INT8_ASYM)?.len(), 256);
    let all: Vec<f32> = (-8..=7).map(|l| l as f32).collect();
    assert_eq!(levels(Format::Q4_0)?, all);
    // Two zeros each.
    assert_eq!(levels(Format::FP4)?.len(), 15);
    assert_eq!(levels(Format::FP6_E2M3)?.len(), 63);
    assert_eq!(levels(Format::FP6_E3M2)?.len(), 63);
    // Without the two that are no numbers.
    assert_eq!(levels(Format::FP8_E4M3)?.len(), 253);
    Ok(())
}

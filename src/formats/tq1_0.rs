//! GGUF TQ1_0: 256 ternary weights in 54 bytes. 0: 48 bytes of five digits, 48: 4 bytes of four, 52: d (f16).
//! Weights 0..160 are the digits of bytes 0..32 (digit n of byte m is weight 32n + m), 160..240 those
//! of bytes 32..48 (160 + 16n + m), 240..256 those of bytes 48..52 (240 + 4n + m).
//! A byte is its digits read as a base-3 fraction of 256, rounded up; digit 0 comes first.
//! Weight = d · (digit - 1).

use super::f16;
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Hints, Levels, Pack, Plane, QuantizeError, ShaderParts, Table,
    Unit,
};
use crate::formats::encode::range::{inverse, max_abs};

/// `(first byte, bytes, digits)` of the three runs of a block.
const RUNS: [(usize, usize, usize); 3] = [(0, 32, 5), (32, 16, 5), (48, 4, 4)];

pub(crate) static TQ1_0: Family = Family {
    name: "tq1_0",
    gguf: Some(34),
    blocks: Blocks::Fixed { len: 256, bytes: 54 },
    floats: &[(52, ScaleType::F16)],
    scales: &[],
    group: 256,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::None,
    codes: |block, mut codes| {
        for (first, count, digits) in RUNS {
            let (run, rest) = codes.split_at_mut(count * digits);
            let mut bytes = [0u8; 32];
            let bytes = &mut bytes[..count];
            bytes.copy_from_slice(&block[first..first + count]);
            for codes in run.chunks_mut(count) {
                for (code, byte) in codes.iter_mut().zip(bytes.iter_mut()) {
                    let digit = *byte as u16 * 3;
                    *code = (digit >> 8) as i8 - 1;
                    *byte = digit as u8;
                }
            }
            codes = rest;
        }
    },
    affine: |block, _| Affine {
        scale: f16::load(block, 52),
        offset: 0.0,
    },
    unpack: None,
    // Weights 64i..64i + 64 are two parts of eight code words: five digits of each byte of word 3i and three of word
    // 3i + 1; five of word 3i + 2, two of word 3i + 1, and four digits of byte i of word 12.
    code_plane: Plane {
        unit: Unit::Word,
        units: 13,
        per: 256,
    },
    pack_codes: Pack::Codes(|_, codes, units| {
        let byte = |codes: &[i8], stride: usize, digits: usize| {
            encode((0..digits).map(|n| (codes[stride * n] + 1) as u8), digits)
        };
        for (codes, units) in codes.chunks_exact(256).zip(units.chunks_exact_mut(52)) {
            for (i, codes) in codes.chunks_exact(64).enumerate() {
                for b in 0..4 {
                    units[12 * i + b] = byte(&codes[b..], 4, 5);
                    let shared = [5, 6, 7, 13, 14].map(|word| (codes[4 * word + b] + 1) as u8);
                    units[12 * i + 4 + b] = encode(shared.into_iter(), 5);
                    units[12 * i + 8 + b] = byte(&codes[32 + b..], 4, 5);
                }
                units[48 + i] = byte(&codes[60..], 1, 4);
            }
        }
    }),
    scale_plane: Plane {
        unit: Unit::Half,
        units: 1,
        per: 256,
    },
    scale_bytes: &[(52, 2)],
    quantize,
    shader: ShaderParts {
        bits: 2,
        fields: Fields::Linear { step: 1, offset: 1 },
        decode: Decode::Unpacked,
        files: &[("formats/tq1_0.wgsl", include_str!("../../shaders/formats/tq1_0.wgsl"))],
        consts: &[],
    },
};

/// The byte of so many base-3 digits, most significant first; four digits stand for five, the last 0.
fn encode(digits: impl Iterator<Item = u8>, count: usize) -> u8 {
    let value = digits.fold(0u16, |v, d| 3 * v + d as u16) * if count == 4 { 3 } else { 1 };
    (value * 256).div_ceil(243) as u8
}

fn quantize(weights: &[f32], _: &Hints, block: &mut [u8]) -> Result<(), QuantizeError> {
    let d = max_abs(weights);
    let inverse = inverse(d);
    f16::store(block, 52, d)?;
    let mut start = 0;
    for (first, count, digits) in RUNS {
        for m in 0..count {
            let digit = |n: usize| {
                let code = (weights[start + count * n + m] * inverse).round();
                (code.clamp(-1.0, 1.0) as i8 + 1) as u8
            };
            block[first + m] = encode((0..digits).map(digit), digits);
        }
        start += count * digits;
    }
    Ok(())
}

//! GGUF Q5_1: 32 weights in 24 bytes. 0: d (f16), 2: m (f16), 4: high bits (u32, bit j of weight j),
//! 8: 16 bytes of low nibbles as in Q4_0. Weight = d · 5-bit code + m.

use super::lanes;
use super::rows::{plain, rows};
use super::{bits, f16};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};
use crate::formats::encode::simple::unsigned_fields;
use fearless_simd::Simd;

#[inline(always)]
fn codes<S: Simd>(simd: S, block: &[u8], codes: &mut [i8]) {
    let high = lanes::fields::<S, 1>(simd, &block[4..8]) << 4;
    lanes::put(codes, lanes::nibbles(simd, &block[8..]) | high, 0);
}

#[inline(always)]
fn affine<V: Simd>(simd: V, block: &[u8], _: usize) -> Affine {
    Affine {
        scale: f16::load_at(simd, block, 0),
        offset: f16::load_at(simd, block, 2),
    }
}

pub(crate) static Q5_1: Family = Family {
    name: "q5_1",
    gguf: Some(7),
    blocks: Blocks::Fixed { len: 32, bytes: 24 },
    floats: &[(0, ScaleType::F16), (2, ScaleType::F16)],
    scales: &[],
    group: 32,
    affine_kind: AffineKind::ScaleBias,
    levels: Levels::Signed,
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(affine),
    unpack: rows!(32, 24, 32, codes, affine),
    // Low nibbles; the high bits stay in the scale plane, next to d and m.
    code_plane: bits::plane(4),
    pack_codes: Pack::Bytes(&[(8, 16)]),
    scale_plane: Plane {
        unit: Unit::Vec2,
        units: 1,
        per: 32,
    },
    scale_bytes: &[(0, 8)],
    quantize: |weights, hints, block| {
        let mut fields = [0u8; 32];
        let (d, m) = unsigned_fields(31, weights, hints, &mut fields)?;
        f16::store(block, 0, d)?;
        f16::store(block, 2, m)?;
        let mut high = 0u32;
        for j in 0..16 {
            let (f, s) = (fields[j], fields[j + 16]);
            block[8 + j] = (f & 15) | (s & 15) << 4;
            high |= ((f >> 4 & 1) as u32) << j | ((s >> 4 & 1) as u32) << (j + 16);
        }
        block[4..8].copy_from_slice(&high.to_le_bytes());
        Ok(())
    },
    shader: ShaderParts {
        bits: 4,
        fields: Fields::Other { largest: 31 },
        decode: Decode::Own,
        files: &[
            bits::FIFTH,
            ("formats/q5_1.wgsl", include_str!("../../shaders/formats/q5_1.wgsl")),
        ],
        consts: &[],
    },
};

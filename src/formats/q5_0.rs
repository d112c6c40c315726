//! GGUF Q5_0: 32 weights in 22 bytes. 0: d (f16), 2: high bits (u32, bit j of weight j), 6: 16 bytes of
//! low nibbles as in Q4_0. Weight = d · (5-bit code - 16).

use super::lanes;
use super::rows::{plain, rows};
use super::{bits, f16};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};
use crate::formats::encode::simple::signed_fields;
use fearless_simd::Simd;

#[inline(always)]
fn codes<S: Simd>(simd: S, block: &[u8], codes: &mut [i8]) {
    let high = lanes::fields::<S, 1>(simd, &block[2..6]) << 4;
    lanes::put(codes, lanes::nibbles(simd, &block[6..]) | high, 16);
}

#[inline(always)]
fn affine<V: Simd>(simd: V, block: &[u8], _: usize) -> Affine {
    Affine {
        scale: f16::load_at(simd, block, 0),
        offset: 0.0,
    }
}

pub(crate) static Q5_0: Family = Family {
    name: "q5_0",
    gguf: Some(6),
    blocks: Blocks::Fixed { len: 32, bytes: 22 },
    floats: &[(0, ScaleType::F16)],
    scales: &[],
    group: 32,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(affine),
    unpack: rows!(32, 22, 32, codes, affine),
    // Low nibbles; the high bits stay in the scale plane, next to d.
    code_plane: bits::plane(4),
    pack_codes: Pack::Bytes(&[(6, 16)]),
    scale_plane: Plane {
        unit: Unit::Half,
        units: 3,
        per: 32,
    },
    scale_bytes: &[(0, 6)],
    quantize: |weights, hints, block| {
        let mut fields = [0u8; 32];
        let d = signed_fields(16, weights, hints, &mut fields)?;
        f16::store(block, 0, d)?;
        let mut high = 0u32;
        for j in 0..16 {
            let (f, s) = (fields[j], fields[j + 16]);
            block[6 + j] = (f & 15) | (s & 15) << 4;
            high |= ((f >> 4) as u32) << j | ((s >> 4) as u32) << (j + 16);
        }
        block[2..6].copy_from_slice(&high.to_le_bytes());
        Ok(())
    },
    shader: ShaderParts {
        bits: 4,
        fields: Fields::Other { largest: 16 },
        decode: Decode::Own,
        files: &[
            bits::FIFTH,
            ("formats/q5_0.wgsl", include_str!("../../shaders/formats/q5_0.wgsl")),
        ],
        consts: &[],
    },
};

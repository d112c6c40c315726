//! GGUF Q4_0: 32 weights in 18 bytes. 0: d (f16), 2: 16 bytes, weight j in the low nibble of byte j
//! and weight j + 16 in its high nibble. Weight = d · (nibble - 8).

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
    lanes::put(codes, lanes::nibbles(simd, &block[2..]), 8);
}

#[inline(always)]
fn affine<V: Simd>(simd: V, block: &[u8], _: usize) -> Affine {
    Affine {
        scale: f16::load_at(simd, block, 0),
        offset: 0.0,
    }
}

pub(crate) static Q4_0: Family = Family {
    name: "q4_0",
    gguf: Some(2),
    blocks: Blocks::Fixed { len: 32, bytes: 18 },
    floats: &[(0, ScaleType::F16)],
    scales: &[],
    group: 32,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(affine),
    unpack: rows!(32, 18, 32, codes, affine),
    code_plane: bits::plane(4),
    pack_codes: Pack::Bytes(&[(2, 16)]),
    scale_plane: Plane {
        unit: Unit::Half,
        units: 1,
        per: 32,
    },
    scale_bytes: &[(0, 2)],
    quantize: |weights, hints, block| {
        let mut fields = [0u8; 32];
        let d = signed_fields(8, weights, hints, &mut fields)?;
        f16::store(block, 0, d)?;
        for j in 0..16 {
            block[2 + j] = fields[j] | fields[j + 16] << 4;
        }
        Ok(())
    },
    shader: ShaderParts {
        bits: 4,
        fields: Fields::Linear { step: 1, offset: 8 },
        decode: Decode::Offset,
        files: &[("formats/q4_0.wgsl", include_str!("../../shaders/formats/q4_0.wgsl"))],
        consts: &[],
    },
};

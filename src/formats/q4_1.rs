//! GGUF Q4_1: 32 weights in 20 bytes. 0: d (f16), 2: m (f16), 4: 16 bytes of nibbles as in Q4_0.
//! Weight = d · nibble + m.

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
    lanes::put(codes, lanes::nibbles(simd, &block[4..]), 0);
}

#[inline(always)]
fn affine<V: Simd>(simd: V, block: &[u8], _: usize) -> Affine {
    Affine {
        scale: f16::load_at(simd, block, 0),
        offset: f16::load_at(simd, block, 2),
    }
}

pub(crate) static Q4_1: Family = Family {
    name: "q4_1",
    gguf: Some(3),
    blocks: Blocks::Fixed { len: 32, bytes: 20 },
    floats: &[(0, ScaleType::F16), (2, ScaleType::F16)],
    scales: &[],
    group: 32,
    affine_kind: AffineKind::ScaleBias,
    levels: Levels::Signed,
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(affine),
    unpack: rows!(32, 20, 32, codes, affine),
    code_plane: bits::plane(4),
    pack_codes: Pack::Bytes(&[(4, 16)]),
    scale_plane: Plane {
        unit: Unit::Word,
        units: 1,
        per: 32,
    },
    scale_bytes: &[(0, 4)],
    quantize: |weights, hints, block| {
        let mut fields = [0u8; 32];
        let (d, m) = unsigned_fields(15, weights, hints, &mut fields)?;
        f16::store(block, 0, d)?;
        f16::store(block, 2, m)?;
        for j in 0..16 {
            block[4 + j] = fields[j] | fields[j + 16] << 4;
        }
        Ok(())
    },
    shader: ShaderParts {
        bits: 4,
        fields: Fields::Linear { step: 1, offset: 0 },
        decode: Decode::Offset,
        files: &[("formats/q4_1.wgsl", include_str!("../../shaders/formats/q4_1.wgsl"))],
        consts: &[],
    },
};

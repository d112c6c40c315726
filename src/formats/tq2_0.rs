//! GGUF TQ2_0: 256 ternary weights in 66 bytes. 0: 64 bytes, 64: d (f16). In each half block of 128,
//! weight 32n + m is bit pair n of byte m. Weight = d · (pair - 1); the unused pair 3 decodes to 2d.

use super::lanes;
use super::rows::{plain, rows};
use super::{bits, f16};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};
use crate::formats::encode::range::{inverse, max_abs};
use fearless_simd::Simd;

#[inline(always)]
fn codes<S: Simd>(simd: S, block: &[u8], codes: &mut [i8]) {
    lanes::put_bit_pairs(simd, codes, &block[..64], 1);
}

#[inline(always)]
fn affine<V: Simd>(simd: V, block: &[u8], _: usize) -> Affine {
    Affine {
        scale: f16::load_at(simd, block, 64),
        offset: 0.0,
    }
}

pub(crate) static TQ2_0: Family = Family {
    name: "tq2_0",
    gguf: Some(35),
    blocks: Blocks::Fixed { len: 256, bytes: 66 },
    floats: &[(64, ScaleType::F16)],
    scales: &[],
    group: 256,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(affine),
    unpack: rows!(256, 66, 256, codes, affine),
    code_plane: bits::plane(2),
    pack_codes: Pack::Codes(bits::pack::<2, 1>),
    scale_plane: Plane {
        unit: Unit::Half,
        units: 1,
        per: 256,
    },
    scale_bytes: &[(64, 2)],
    quantize: |weights, _, block| {
        let d = max_abs(weights);
        let inverse = inverse(d);
        f16::store(block, 64, d)?;
        let field = |w: f32| ((w * inverse).round().clamp(-1.0, 1.0) as i8 + 1) as u8;
        for h in 0..2 {
            for m in 0..32 {
                block[32 * h + m] = (0..4).fold(0, |byte, n| byte | field(weights[128 * h + 32 * n + m]) << (2 * n));
            }
        }
        Ok(())
    },
    shader: ShaderParts {
        bits: 2,
        fields: Fields::Linear { step: 1, offset: 1 },
        decode: Decode::Offset,
        files: &[("formats/tq2_0.wgsl", include_str!("../../shaders/formats/tq2_0.wgsl"))],
        consts: &[],
    },
};

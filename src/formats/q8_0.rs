//! GGUF Q8_0: 32 weights in 34 bytes. 0: d (f16), 2: 32 codes (i8). Weight = d · code.

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
    lanes::put(codes, lanes::fields::<S, 8>(simd, &block[2..]), 0);
}

#[inline(always)]
fn affine<V: Simd>(simd: V, block: &[u8], _: usize) -> Affine {
    Affine {
        scale: f16::load_at(simd, block, 0),
        offset: 0.0,
    }
}

pub(crate) static Q8_0: Family = Family {
    name: "q8_0",
    gguf: Some(8),
    blocks: Blocks::Fixed { len: 32, bytes: 34 },
    floats: &[(0, ScaleType::F16)],
    scales: &[],
    group: 32,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(affine),
    unpack: rows!(32, 34, 32, codes, affine),
    code_plane: bits::plane(8),
    pack_codes: Pack::Bytes(&[(2, 32)]),
    scale_plane: Plane {
        unit: Unit::Half,
        units: 1,
        per: 32,
    },
    scale_bytes: &[(0, 2)],
    quantize: |weights, _, block| {
        let max = max_abs(weights);
        let d = max / 127.0;
        let inverse = inverse(d);
        f16::store(block, 0, d)?;
        for (byte, &w) in block[2..].iter_mut().zip(weights) {
            *byte = (w * inverse).round() as i8 as u8;
        }
        Ok(())
    },
    shader: ShaderParts {
        bits: 8,
        fields: Fields::Other { largest: 128 },
        decode: Decode::Own,
        files: &[("formats/q8_0.wgsl", include_str!("../../shaders/formats/q8_0.wgsl"))],
        consts: &[],
    },
};

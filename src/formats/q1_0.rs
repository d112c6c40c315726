//! GGUF Q1_0: 128 weights in 18 bytes. 0: d (f16), 2: 128 bits, lowest first. Weight = bit ? d : -d.

use super::lanes;
use super::rows::{plain, rows};
use super::{bits, f16};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};
use fearless_simd::Simd;

#[inline(always)]
fn codes<S: Simd>(simd: S, block: &[u8], codes: &mut [i8]) {
    for (codes, bytes) in codes.chunks_exact_mut(32).zip(block[2..].chunks_exact(4)) {
        lanes::put(codes, lanes::fields::<S, 1>(simd, bytes) << 1, 1);
    }
}

#[inline(always)]
fn affine<V: Simd>(simd: V, block: &[u8], _: usize) -> Affine {
    Affine {
        scale: f16::load_at(simd, block, 0),
        offset: 0.0,
    }
}

pub(crate) static Q1_0: Family = Family {
    name: "q1_0",
    gguf: Some(41),
    blocks: Blocks::Fixed { len: 128, bytes: 18 },
    floats: &[(0, ScaleType::F16)],
    scales: &[],
    group: 128,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(affine),
    unpack: rows!(128, 18, 128, codes, affine),
    code_plane: bits::plane(1),
    pack_codes: Pack::Codes(bits::pack::<1, 0>),
    scale_plane: Plane {
        unit: Unit::Half,
        units: 1,
        per: 128,
    },
    scale_bytes: &[(0, 2)],
    quantize: |weights, _, block| {
        // The mean magnitude is the least-squares scale of the signs.
        let d = weights.iter().fold(0f32, |s, w| s + w.abs()) / 128.0;
        f16::store(block, 0, d)?;
        for (byte, weights) in block[2..].iter_mut().zip(weights.chunks(8)) {
            *byte = (0..8).fold(0, |byte, i| byte | ((weights[i] >= 0.0) as u8) << i);
        }
        Ok(())
    },
    shader: ShaderParts {
        bits: 1,
        fields: Fields::Linear { step: 2, offset: 1 },
        decode: Decode::Signs,
        files: &[
            super::scale::shader(ScaleType::F16, false),
            ("formats/int.wgsl", include_str!("../../shaders/formats/int.wgsl")),
        ],
        consts: &[],
    },
};

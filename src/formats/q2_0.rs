//! GGUF Q2_0: 64 weights in 18 bytes (in older files of PrismML 128 in 34, under the same id). 0: d
//! (f16), then bit pair j of byte i being weight 4i + j. Weight = d · (pair - 1). Meant for ternary
//! weights: the encoder never writes pair 3.

use super::lanes;
use super::rows::{plain, rows};
use super::{bits, f16};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};
use crate::formats::encode::range::{inverse, max_abs};
use fearless_simd::Simd;

pub(crate) static Q2_0: Family = family("q2_0", Some(42), 64);

/// Files of this kind call it Q2_0 too: readers tell them apart by the size of a tensor.
pub(crate) static Q2_0_G128: Family = family("q2_0_g128", None, 128);

const fn family(name: &'static str, gguf: Option<u32>, len: usize) -> Family {
    Family {
        name,
        gguf,
        blocks: Blocks::Fixed {
            len,
            bytes: 2 + len / 4,
        },
        floats: &[(0, ScaleType::F16)],
        scales: &[],
        group: len,
        affine_kind: AffineKind::Scale,
        levels: Levels::Signed,
        table: Table::None,
        codes: plain!(codes),
        affine: plain!(affine),
        unpack: match len {
            64 => rows!(64, 18, 64, codes, affine),
            _ => rows!(128, 34, 128, codes, affine),
        },
        code_plane: bits::plane(2),
        pack_codes: Pack::Codes(bits::pack::<2, 1>),
        scale_plane: Plane {
            unit: Unit::Half,
            units: 1,
            per: len,
        },
        scale_bytes: &[(0, 2)],
        quantize: |weights, _, block| {
            let d = max_abs(weights);
            let inverse = inverse(d);
            f16::store(block, 0, d)?;
            let field = |w: f32| ((w * inverse).round().clamp(-1.0, 1.0) as i8 + 1) as u8;
            for (byte, w) in block[2..].iter_mut().zip(weights.chunks(4)) {
                *byte = (0..4).fold(0, |byte, j| byte | field(w[j]) << (2 * j));
            }
            Ok(())
        },
        shader: ShaderParts {
            bits: 2,
            fields: Fields::Linear { step: 1, offset: 1 },
            decode: Decode::Offset,
            files: &[("formats/q2_0.wgsl", include_str!("../../shaders/formats/q2_0.wgsl"))],
            consts: &[],
        },
    }
}

#[inline(always)]
fn codes<S: Simd>(simd: S, block: &[u8], codes: &mut [i8]) {
    for (codes, bytes) in codes.chunks_exact_mut(32).zip(block[2..].chunks_exact(8)) {
        lanes::put(codes, lanes::fields::<S, 2>(simd, bytes), 1);
    }
}

#[inline(always)]
fn affine<V: Simd>(simd: V, block: &[u8], _: usize) -> Affine {
    Affine {
        scale: f16::load_at(simd, block, 0),
        offset: 0.0,
    }
}

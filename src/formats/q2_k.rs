//! GGUF Q2_K: 256 weights in 84 bytes, 16 groups of 16.
//! 0: 16 bytes, each a 4-bit scale (low) and minimum, 16: 64 bytes, 80: d (f16), 82: dmin (f16).
//! Of each half block of 128, weights 32q + l take bit pair q of byte l.
//! Weight = d · scale · code - dmin · min.

use super::{bits, f16};
use crate::family::{
    Affine, AffineKind, Blocks, Family, Hints, Levels, Pack, Plane, QuantizeError, ShaderParts,
    Table, Unit,
};
use crate::quantize::k_search::{check_range, nearest, scale_and_min};
use crate::ScaleType;

pub(crate) static Q2_K: Family = Family {
    name: "q2_k",
    gguf: Some(10),
    blocks: Blocks::Fixed {
        len: 256,
        bytes: 84,
    },
    floats: &[(80, ScaleType::F16), (82, ScaleType::F16)],
    scales: &[],
    group: 16,
    affine_kind: AffineKind::ScaleBias,
    levels: Levels::Signed,
    table: Table::None,
    codes: |block, codes| {
        for (codes, bytes) in codes.chunks_mut(128).zip(block[16..80].chunks(32)) {
            for (q, codes) in codes.chunks_mut(32).enumerate() {
                for (code, byte) in codes.iter_mut().zip(bytes) {
                    *code = ((byte >> (2 * q)) & 3) as i8;
                }
            }
        }
    },
    affine: |block, g| Affine {
        scale: f16::load(block, 80) * (block[g] & 15) as f32,
        offset: -(f16::load(block, 82) * (block[g] >> 4) as f32),
    },
    code_plane: bits::plane(2),
    pack_codes: Pack::Codes(bits::pack::<2, 0>),
    // Scales and minima, then d and dmin.
    scale_plane: Plane {
        unit: Unit::Word,
        units: 5,
        per: 256,
    },
    pack_scales: |block, units| {
        units[..16].copy_from_slice(&block[..16]);
        units[16..].copy_from_slice(&block[80..]);
    },
    quantize,
    shader: ShaderParts {
        bits: 2,
        files: &[(
            "formats/q2_k.wgsl",
            include_str!("../../shaders/formats/q2_k.wgsl"),
        )],
        consts: &[],
    },
};

/// ggml's `quantize_row_q2_K_ref`.
fn quantize(weights: &[f32], _: &Hints, block: &mut [u8]) -> Result<(), QuantizeError> {
    check_range(weights)?;
    let mut codes = [0u8; 256];
    let (mut scales, mut mins) = ([0f32; 16], [0f32; 16]);
    for (g, x) in weights.chunks(16).enumerate() {
        let mut importance = [0f32; 16];
        for (i, x) in importance.iter_mut().zip(x) {
            *i = x.abs();
        }
        let codes = &mut codes[16 * g..16 * g + 16];
        (scales[g], mins[g]) = scale_and_min(3, x, &importance, codes, -0.5, 0.1, 15, true);
    }
    let max_scale = scales.iter().fold(0f32, |m, &s| m.max(s));
    let max_min = mins.iter().fold(0f32, |m, &s| m.max(s));
    let inverse = |max: f32| if max > 0.0 { 15.0 / max } else { 0.0 };
    f16::store(block, 80, max_scale / 15.0)?;
    f16::store(block, 82, max_min / 15.0)?;
    for g in 0..16 {
        let scale = nearest(inverse(max_scale) * scales[g]).clamp(0, 15) as u8;
        let min = nearest(inverse(max_min) * mins[g]).clamp(0, 15) as u8;
        block[g] = scale | min << 4;
    }
    // With the scales as stored, every code is chosen anew.
    for g in 0..16 {
        let Affine { scale, offset } = (Q2_K.affine)(block, g);
        if scale != 0.0 {
            for (code, x) in codes[16 * g..]
                .iter_mut()
                .zip(&weights[16 * g..16 * g + 16])
            {
                *code = nearest((x - offset) / scale).clamp(0, 3) as u8;
            }
        }
    }
    for (bytes, codes) in block[16..80].chunks_mut(32).zip(codes.chunks(128)) {
        for (l, byte) in bytes.iter_mut().enumerate() {
            *byte = (0..4).fold(0, |byte, q| byte | codes[32 * q + l] << (2 * q));
        }
    }
    Ok(())
}

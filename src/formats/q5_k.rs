//! GGUF Q5_K: 256 weights in 176 bytes, 8 groups of 32. 0: d, dmin, scales and minima as in Q4_K,
//! 16: 32 bytes of high bits (bit g of byte l for weight l of group g), 48: 128 bytes of low nibbles
//! as in Q4_K. Weight = d · scale · 5-bit code - dmin · min.

use super::lanes;
use super::rows::{plain, rows};
use super::{bits, k_pairs};
use crate::ScaleType;
use crate::family::{
    AffineKind, Blocks, Decode, Family, Fields, Hints, Levels, Pack, QuantizeError, ShaderParts, Table,
};
use crate::formats::encode::k_search::Ranges;
use fearless_simd::Simd;

#[inline(always)]
fn codes<S: Simd>(simd: S, block: &[u8], codes: &mut [i8]) {
    let (high, low) = block[16..176].split_at(32);
    for (g, codes) in codes.chunks_exact_mut(32).enumerate() {
        let low = lanes::field_at::<S, 4>(simd, &low[32 * (g / 2)..], 4 * (g % 2));
        let high = lanes::field_at::<S, 1>(simd, high, g) << 4;
        lanes::put(codes, low | high, 0);
    }
}

/// The ranges that ggml tries without importance.
const RANGES: Ranges = Ranges {
    from: -0.5,
    step: 0.1,
    steps: 15,
    absolute: false,
};

pub(crate) static Q5_K: Family = Family {
    name: "q5_k",
    gguf: Some(13),
    blocks: Blocks::Fixed { len: 256, bytes: 176 },
    floats: &[(0, ScaleType::F16), (2, ScaleType::F16)],
    scales: &[],
    group: 32,
    affine_kind: AffineKind::ScaleBias,
    levels: Levels::Signed,
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(k_pairs::affine),
    unpack: rows!(256, 176, 32, codes, k_pairs::affine),
    code_plane: bits::plane(5),
    pack_codes: Pack::Codes(bits::pack::<5, 0>),
    scale_plane: k_pairs::PLANE,
    scale_bytes: k_pairs::BYTES,
    quantize,
    shader: ShaderParts {
        bits: 5,
        fields: Fields::Linear { step: 1, offset: 0 },
        decode: Decode::Offset,
        files: &[k_pairs::SHADER],
        consts: &[],
    },
};

/// ggml's `quantize_row_q5_K_ref` and, with importance, `quantize_row_q5_K_impl`.
fn quantize(weights: &[f32], hints: &Hints, block: &mut [u8]) -> Result<(), QuantizeError> {
    block.fill(0);
    let codes = k_pairs::search(31, &RANGES, weights, hints, block)?;
    let (high, low) = block[16..].split_at_mut(32);
    for (g, codes) in codes.chunks(32).enumerate() {
        for (l, code) in codes.iter().enumerate() {
            high[l] |= (code >> 4) << g;
            low[32 * (g / 2) + l] |= (code & 15) << (4 * (g % 2));
        }
    }
    Ok(())
}

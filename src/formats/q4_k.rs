//! GGUF Q4_K: 256 weights in 144 bytes, 8 groups of 32.
//! 0: d (f16), 2: dmin (f16), 4: 12 bytes of 6-bit scales and minima, 16: 128 bytes; groups 2p and
//! 2p + 1 are the low and high nibbles of bytes 32p..32p + 32. Weight = d · scale · code - dmin · min.

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
    for (pair, bytes) in codes.chunks_exact_mut(64).zip(block[16..].chunks_exact(32)) {
        lanes::put(&mut pair[..32], lanes::field_at::<S, 4>(simd, bytes, 0), 0);
        lanes::put(&mut pair[32..], lanes::field_at::<S, 4>(simd, bytes, 4), 0);
    }
}

/// The ranges that ggml tries without importance.
const RANGES: Ranges = Ranges {
    from: -1.0,
    step: 0.1,
    steps: 20,
    absolute: false,
};

pub(crate) static Q4_K: Family = Family {
    name: "q4_k",
    gguf: Some(12),
    blocks: Blocks::Fixed { len: 256, bytes: 144 },
    floats: &[(0, ScaleType::F16), (2, ScaleType::F16)],
    scales: &[],
    group: 32,
    affine_kind: AffineKind::ScaleBias,
    levels: Levels::Signed,
    table: Table::None,
    codes: plain!(codes),
    affine: plain!(k_pairs::affine),
    unpack: rows!(256, 144, 32, codes, k_pairs::affine),
    code_plane: bits::plane(4),
    pack_codes: Pack::Codes(bits::pack::<4, 0>),
    scale_plane: k_pairs::PLANE,
    scale_bytes: k_pairs::BYTES,
    quantize,
    shader: ShaderParts {
        bits: 4,
        fields: Fields::Linear { step: 1, offset: 0 },
        decode: Decode::Offset,
        files: &[k_pairs::SHADER],
        consts: &[],
    },
};

/// ggml's `quantize_row_q4_K_ref` and, with importance, `quantize_row_q4_K_impl`.
fn quantize(weights: &[f32], hints: &Hints, block: &mut [u8]) -> Result<(), QuantizeError> {
    block.fill(0);
    let codes = k_pairs::search(15, &RANGES, weights, hints, block)?;
    for (bytes, pair) in block[16..].chunks_mut(32).zip(codes.chunks(64)) {
        for (j, byte) in bytes.iter_mut().enumerate() {
            *byte = pair[j] | pair[j + 32] << 4;
        }
    }
    Ok(())
}

//! bitsandbytes NF4 and FP4: a block is one group (64 weights by default, the last of a row may
//! be short): absmax (f32), then a nibble for each weight, the high nibble first.
//! Weight = absmax · level[nibble]. The levels are not integers, so the format has no DP4A kernel.

use super::bits;
use super::lanes;
use super::rows::{grouped, plain};
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Quantize, QuantizeError, ShaderParts, Spans,
    Table,
};
use crate::formats::encode::range::max_abs;
use crate::simd::at_level;
use crate::{Group, ScaleType};
use fearless_simd::{Level, prelude::*, u8x16};

/// Quantiles of the normal distribution with an exact zero, as bitsandbytes 0.50 ships them.
static NORMAL: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

/// Its floats of 4 bits (1 sign, 2 exponent, 1 mantissa), over 12; no other format has this order.
static FLOATS: [f32; 16] = [
    0.0,
    0.005_208_333_5,
    0.666_666_7,
    1.0,
    0.333_333_34,
    0.5,
    0.166_666_67,
    0.25,
    0.0,
    -0.005_208_333_5,
    -0.666_666_7,
    -1.0,
    -0.333_333_34,
    -0.5,
    -0.166_666_67,
    -0.25,
];

pub(crate) static NF4: Family = family("nf4", &NORMAL, |weights, _, block| quantize(&NORMAL, weights, block));
pub(crate) static FP4: Family = family("fp4", &FLOATS, |weights, _, block| quantize(&FLOATS, weights, block));

const fn family(name: &'static str, levels: &'static [f32; 16], quantize: Quantize) -> Family {
    Family {
        name,
        gguf: None,
        blocks: Blocks::Groups {
            groups: 1,
            header: 4,
            bits: 4,
        },
        floats: &[(0, ScaleType::F32)],
        scales: &[],
        group: 64,
        affine_kind: AffineKind::Scale,
        levels: Levels::Table(levels),
        table: Table::None,
        codes: plain!(codes),
        affine: plain!(affine),
        unpack: Some(unpack),
        code_plane: bits::plane(4),
        pack_codes: Pack::Codes(bits::pack::<4, 0>),
        scale_plane: super::scale::plane(ScaleType::F32, false),
        scale_bytes: &[(0, 4)],
        quantize,
        shader: ShaderParts {
            bits: 4,
            fields: Fields::Other { largest: 0 },
            decode: Decode::Table,
            files: const {
                &[
                    super::scale::shader(ScaleType::F32, false),
                    ("formats/stored.wgsl", include_str!("../../shaders/formats/stored.wgsl")),
                ]
            },
            consts: &[],
        },
    }
}

fn unpack(level: Level, group: Group, row: &[u8], spans: Spans) {
    at_level!(
        level,
        simd => grouped(
            group,
            [4, 4],
            row,
            spans,
            #[inline(always)]
            |block, out| codes(simd, block, out),
            #[inline(always)]
            |block| affine(simd, block, 0)
        )
    );
}

fn quantize(levels: &[f32; 16], weights: &[f32], block: &mut [u8]) -> Result<(), QuantizeError> {
    let absmax = max_abs(weights);
    block.fill(0);
    block[..4].copy_from_slice(&absmax.to_le_bytes());
    let mut order: [u8; 16] = std::array::from_fn(|i| i as u8);
    // Stable, so that the first of equal levels is chosen.
    order.sort_by(|&a, &b| levels[a as usize].total_cmp(&levels[b as usize]));
    for (i, w) in weights.iter().enumerate() {
        let x = if absmax == 0.0 { 0.0 } else { w / absmax };
        // The nearest level: one more for each midpoint passed, so that a tie takes the lower.
        let middle = |pair: &&[u8]| x > (levels[pair[0] as usize] + levels[pair[1] as usize]) * 0.5;
        let place = order.windows(2).filter(middle).count();
        block[4 + i / 2] |= order[place] << (4 * ((i + 1) % 2));
    }
    Ok(())
}

#[inline(always)]
fn codes<S: Simd>(simd: S, block: &[u8], codes: &mut [i8]) {
    let fields = &block[4..];
    let (whole, tail) = codes.as_chunks_mut::<32>();
    for (codes, bytes) in whole.iter_mut().zip(fields.chunks_exact(16)) {
        // As fields from the lowest bits on, but for the order of the two in a byte.
        let bytes = u8x16::from_slice(simd, bytes);
        let (low, high) = (bytes & 15, bytes >> 4);
        lanes::put(codes, high.zip_low(low).combine(high.zip_high(low)), 0);
    }
    for (codes, byte) in tail.chunks_mut(2).zip(&fields[16 * whole.len()..]) {
        codes[0] = (byte >> 4) as i8;
        if let Some(code) = codes.get_mut(1) {
            *code = (byte & 15) as i8;
        }
    }
}

#[inline(always)]
fn affine<V: Simd>(_: V, block: &[u8], _: usize) -> Affine {
    Affine {
        scale: f32::from_le_bytes([block[0], block[1], block[2], block[3]]),
        offset: 0.0,
    }
}

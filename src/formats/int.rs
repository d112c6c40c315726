//! Integers of 1 to 8 bits, with groups of any length and scales of any type.
//!
//! A block is one group: the scale, the zero point or bias if there is one (in the scale's type), then the codes as
//! unsigned fields, lowest bits first. The last group of a row can be shorter. A field `u` represents
//! - symmetric: `scale · (u - 2^(bits-1))`; INT8: two's complement; INT1: `u ? scale : -scale`;
//! - ternary: `scale · (u - 1)`;
//! - asymmetric: `scale · (u - zero)`; the zero point can be fractional (HQQ);
//! - with a bias: `scale · u + bias`, as in MLX and quanto. The scale can be negative.

use super::bits;
use super::scale::{self, BF16, F16, F32, ScaleFamilies, StoredScale};
use super::stream::{self, Stream};
use crate::ScaleType;
use crate::family::{AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, QuantizeError, ShaderParts, Table};
use crate::formats::encode::range::{extreme, inverse, max_abs};

/// The kind of a family: the parameters of a block in addition to the scale, and the centre of its fields.
const SYMMETRIC: usize = 0;
const TERNARY_KIND: usize = 1;
const ASYMMETRIC: usize = 2;
const BIASED: usize = 3;

const fn has_pair(kind: usize) -> bool {
    kind == ASYMMETRIC || kind == BIASED
}

/// The bytes before the codes.
const fn header(kind: usize, scale: ScaleType) -> usize {
    scale.bytes() * (1 + has_pair(kind) as usize)
}

/// The difference between an unsigned field and its code.
const fn offset(bits: usize, kind: usize) -> i8 {
    match (bits, kind) {
        // Fields are 0..255, codes -128..127; wrapping.
        (8, ASYMMETRIC) => -128,
        (8, _) | (1, _) | (_, ASYMMETRIC | BIASED) => 0,
        (_, TERNARY_KIND) => 1,
        _ => 1 << (bits - 1),
    }
}

/// Like `offset`, on the device, where an asymmetric 8-bit code stays 128 lower, as a signed byte.
const fn device_offset(bits: usize, kind: usize) -> i8 {
    match bits {
        8 => 0,
        _ => offset(bits, kind),
    }
}

const fn stream(bits: usize, kind: usize, scale: ScaleType) -> Stream {
    let signs = matches!((bits, kind), (1, SYMMETRIC));
    Stream {
        header: header(kind, scale),
        offset: if signs { 1 } else { offset(bits, kind) as u8 },
        signs,
    }
}

const fn fields(bits: usize, kind: usize) -> Fields {
    match (bits, kind) {
        (8, _) => Fields::Other { largest: 128 },
        (1, SYMMETRIC) => Fields::Linear { step: 2, offset: 1 },
        _ => Fields::Linear {
            step: 1,
            offset: offset(bits, kind) as u8,
        },
    }
}

const fn family<const BITS: usize, const KIND: usize, S: StoredScale>(
    name: &'static str,
    scales: &'static ScaleFamilies,
) -> Family {
    Family {
        name,
        gguf: None,
        blocks: Blocks::Groups {
            groups: 1,
            header: header(KIND, S::TYPE),
            bits: BITS,
        },
        floats: const {
            if has_pair(KIND) {
                &[(0, S::TYPE), (S::TYPE.bytes(), S::TYPE)]
            } else {
                &[(0, S::TYPE)]
            }
        },
        scales,
        group: 32,
        affine_kind: match KIND {
            ASYMMETRIC => AffineKind::ScaleZero {
                base: if BITS == 8 { 128 } else { 0 },
            },
            BIASED => AffineKind::ScaleBias,
            _ => AffineKind::Scale,
        },
        levels: match (BITS, KIND) {
            (8, BIASED) => Levels::Unsigned,
            _ => Levels::Signed,
        },
        table: Table::None,
        codes: |block, codes| stream::codes::<BITS>(stream(BITS, KIND, S::TYPE), block, codes),
        affine: |block, _| stream::affine::<S>(stream(BITS, KIND, S::TYPE), block),
        unpack: Some(|level, group, row, spans| {
            stream::unpack::<BITS, S>(stream(BITS, KIND, S::TYPE), level, group, row, spans);
        }),
        code_plane: bits::plane(BITS),
        pack_codes: Pack::Codes(|level, codes, units| {
            bits::pack_from::<BITS>(level, device_offset(BITS, KIND), codes, units);
        }),
        scale_plane: scale::plane(S::TYPE, has_pair(KIND)),
        scale_bytes: const { &[(0, header(KIND, S::TYPE))] },
        quantize: |weights, _, block| quantize::<BITS>(KIND, S::TYPE, weights, block),
        shader: ShaderParts {
            bits: BITS,
            fields: fields(BITS, KIND),
            decode: match BITS {
                1 if !has_pair(KIND) => Decode::Signs,
                _ => Decode::Offset,
            },
            files: const {
                &[
                    scale::shader(S::TYPE, has_pair(KIND)),
                    match (BITS, KIND) {
                        (_, ASYMMETRIC | BIASED) => (
                            "formats/int_pair.wgsl",
                            include_str!("../../shaders/formats/int_pair.wgsl"),
                        ),
                        _ => ("formats/int.wgsl", include_str!("../../shaders/formats/int.wgsl")),
                    },
                ]
            },
            consts: &[],
        },
    }
}

/// One [`Family`] for each scale type of a format; F16 is the default. A macro, because each family is a static of its
/// own that refers to the list of all three, and the functions that it names depend on the scale type.
macro_rules! families {
    ($($bits:literal $kind:ident: $all:ident = $name:ident $text:literal,
       $bf16:ident $bf16_text:literal, $f32:ident $f32_text:literal;)+) => {$(
        static $all: [(ScaleType, &Family); 3] = [
            (ScaleType::F16, &$name),
            (ScaleType::BF16, &$bf16),
            (ScaleType::F32, &$f32),
        ];
        pub(crate) static $name: Family = family::<$bits, $kind, F16>($text, &$all);
        static $bf16: Family = family::<$bits, $kind, BF16>($bf16_text, &$all);
        static $f32: Family = family::<$bits, $kind, F32>($f32_text, &$all);
    )+};
}

families! {
    8 SYMMETRIC: INT8_ALL = INT8 "int8", INT8_BF16 "int8_bf16", INT8_F32 "int8_f32";
    8 ASYMMETRIC: INT8_ASYM_ALL = INT8_ASYM "int8_asym", INT8_ASYM_BF16 "int8_asym_bf16", INT8_ASYM_F32 "int8_asym_f32";
    8 BIASED: INT8_BIAS_ALL = INT8_BIAS "int8_bias", INT8_BIAS_BF16 "int8_bias_bf16", INT8_BIAS_F32 "int8_bias_f32";
    7 SYMMETRIC: INT7_ALL = INT7 "int7", INT7_BF16 "int7_bf16", INT7_F32 "int7_f32";
    7 ASYMMETRIC: INT7_ASYM_ALL = INT7_ASYM "int7_asym", INT7_ASYM_BF16 "int7_asym_bf16", INT7_ASYM_F32 "int7_asym_f32";
    7 BIASED: INT7_BIAS_ALL = INT7_BIAS "int7_bias", INT7_BIAS_BF16 "int7_bias_bf16", INT7_BIAS_F32 "int7_bias_f32";
    6 SYMMETRIC: INT6_ALL = INT6 "int6", INT6_BF16 "int6_bf16", INT6_F32 "int6_f32";
    6 ASYMMETRIC: INT6_ASYM_ALL = INT6_ASYM "int6_asym", INT6_ASYM_BF16 "int6_asym_bf16", INT6_ASYM_F32 "int6_asym_f32";
    6 BIASED: INT6_BIAS_ALL = INT6_BIAS "int6_bias", INT6_BIAS_BF16 "int6_bias_bf16", INT6_BIAS_F32 "int6_bias_f32";
    5 SYMMETRIC: INT5_ALL = INT5 "int5", INT5_BF16 "int5_bf16", INT5_F32 "int5_f32";
    5 ASYMMETRIC: INT5_ASYM_ALL = INT5_ASYM "int5_asym", INT5_ASYM_BF16 "int5_asym_bf16", INT5_ASYM_F32 "int5_asym_f32";
    5 BIASED: INT5_BIAS_ALL = INT5_BIAS "int5_bias", INT5_BIAS_BF16 "int5_bias_bf16", INT5_BIAS_F32 "int5_bias_f32";
    4 SYMMETRIC: INT4_ALL = INT4 "int4", INT4_BF16 "int4_bf16", INT4_F32 "int4_f32";
    4 ASYMMETRIC: INT4_ASYM_ALL = INT4_ASYM "int4_asym", INT4_ASYM_BF16 "int4_asym_bf16", INT4_ASYM_F32 "int4_asym_f32";
    4 BIASED: INT4_BIAS_ALL = INT4_BIAS "int4_bias", INT4_BIAS_BF16 "int4_bias_bf16", INT4_BIAS_F32 "int4_bias_f32";
    3 SYMMETRIC: INT3_ALL = INT3 "int3", INT3_BF16 "int3_bf16", INT3_F32 "int3_f32";
    3 ASYMMETRIC: INT3_ASYM_ALL = INT3_ASYM "int3_asym", INT3_ASYM_BF16 "int3_asym_bf16", INT3_ASYM_F32 "int3_asym_f32";
    3 BIASED: INT3_BIAS_ALL = INT3_BIAS "int3_bias", INT3_BIAS_BF16 "int3_bias_bf16", INT3_BIAS_F32 "int3_bias_f32";
    2 SYMMETRIC: INT2_ALL = INT2 "int2", INT2_BF16 "int2_bf16", INT2_F32 "int2_f32";
    2 ASYMMETRIC: INT2_ASYM_ALL = INT2_ASYM "int2_asym", INT2_ASYM_BF16 "int2_asym_bf16", INT2_ASYM_F32 "int2_asym_f32";
    2 BIASED: INT2_BIAS_ALL = INT2_BIAS "int2_bias", INT2_BIAS_BF16 "int2_bias_bf16", INT2_BIAS_F32 "int2_bias_f32";
    1 SYMMETRIC: INT1_ALL = INT1 "int1", INT1_BF16 "int1_bf16", INT1_F32 "int1_f32";
    1 ASYMMETRIC: INT1_ASYM_ALL = INT1_ASYM "int1_asym", INT1_ASYM_BF16 "int1_asym_bf16", INT1_ASYM_F32 "int1_asym_f32";
    1 BIASED: INT1_BIAS_ALL = INT1_BIAS "int1_bias", INT1_BIAS_BF16 "int1_bias_bf16", INT1_BIAS_F32 "int1_bias_f32";
    2 TERNARY_KIND: TERNARY_ALL = TERNARY "ternary", TERNARY_BF16 "ternary_bf16", TERNARY_F32 "ternary_f32";
}

/// Round to nearest, with scale and offset from the extremes of the group.
fn quantize<const BITS: usize>(
    kind: usize,
    scale_type: ScaleType,
    weights: &[f32],
    block: &mut [u8],
) -> Result<(), QuantizeError> {
    let top = ((1u32 << BITS) - 1 - (kind == TERNARY_KIND) as u32) as f32;
    // `zero` is the field that represents 0, or with a bias the lowest weight.
    let (scale, zero) = match (BITS, kind) {
        (_, ASYMMETRIC) => asymmetric(weights, top, scale_type)?,
        (_, BIASED) => (range(weights).1 / top, 0.0),
        (_, TERNARY_KIND) => (least_squares_ternary(weights), 1.0),
        (1, _) => (mean_abs(weights), 0.0),
        (8, _) => (max_abs(weights) / 127.0, 128.0),
        // With few codes, the weight of largest magnitude, with its sign, becomes the lowest code, so that all codes
        // are used (as in GGUF's Q4_0 and ONNX Runtime).
        _ => {
            let half = (1u32 << (BITS - 1)) as f32;
            (extreme(weights) / -half, half)
        }
    };
    block.fill(0);
    scale_type.store(scale, block)?;
    let mut bias = 0.0;
    if has_pair(kind) {
        let second = if kind == BIASED { range(weights).0 } else { zero };
        let place = &mut block[scale_type.bytes()..];
        scale_type.store(second, place)?;
        if kind == BIASED {
            bias = scale_type.load(place);
        }
    }
    let inverse = inverse(scale_type.load(block));
    let fields = &mut block[header(kind, scale_type)..];
    let signs = stream(BITS, kind, scale_type).signs;
    // Symmetric INT8 is stored in two's complement.
    let flip = if (BITS, kind) == (8, SYMMETRIC) { 0x80 } else { 0 };
    for (i, &w) in weights.iter().enumerate() {
        let field = if signs {
            (w >= 0.0) as u8
        } else {
            (((w - bias) * inverse).round_ties_even() + zero).clamp(0.0, top) as u8
        };
        bits::set_field::<BITS>(fields, i, field ^ flip);
    }
    Ok(())
}

fn mean_abs(weights: &[f32]) -> f32 {
    weights.iter().map(|w| w.abs()).sum::<f32>() / weights.len().max(1) as f32
}

/// The lowest weight, and the difference between the highest and the lowest.
fn range(weights: &[f32]) -> (f32, f32) {
    let lo = weights.iter().fold(f32::INFINITY, |m, &w| m.min(w));
    let hi = weights.iter().fold(f32::NEG_INFINITY, |m, &w| m.max(w));
    (lo, hi - lo)
}

/// Scale and zero point such that 0 and both extremes are representable.
pub(super) fn asymmetric(weights: &[f32], top: f32, scale: ScaleType) -> Result<(f32, f32), QuantizeError> {
    let lo = weights.iter().fold(0.0f32, |m, &w| m.min(w));
    let hi = weights.iter().fold(0.0f32, |m, &w| m.max(w));
    // The zero point belongs to the scale as stored.
    let mut stored = [0u8; 4];
    scale.store((hi - lo) / top, &mut stored)?;
    let scale = scale.load(&stored);
    if scale == 0.0 {
        return Ok((0.0, 0.0));
    }
    Ok((scale, (-lo / scale).round_ties_even().clamp(0.0, top)))
}

/// The scale of the least-squares ternary approximation. For each j the mean of the j largest magnitudes minimizes the
/// error, which falls by (their sum)² / j. Ternary weights are reproduced exactly.
fn least_squares_ternary(weights: &[f32]) -> f32 {
    let mut magnitudes: Vec<f32> = weights.iter().map(|w| w.abs()).collect();
    magnitudes.sort_unstable_by(|a, b| b.total_cmp(a));
    let (mut sum, mut best, mut scale) = (0f64, 0f64, 0f64);
    for (j, &m) in magnitudes.iter().enumerate() {
        sum += m as f64;
        let count = (j + 1) as f64;
        if sum * sum / count > best {
            best = sum * sum / count;
            scale = sum / count;
        }
    }
    scale as f32
}

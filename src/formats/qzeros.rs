//! Integers whose zero points take about as many bits as codes (the `qzeros` of GPTQ and AWQ).
//!
//! A block is eight groups of any length: eight scales, eight zero points, then the fields of all groups as one stream,
//! lowest bits first. Zero points fill whole units of the scale plane and none crosses its unit: one of 3 bits takes 4,
//! and so does one of 2 bits under f32 scales. The last block of a row can have fewer weights, but has eight scales and
//! zero points too; those of groups that it lacks say nothing. Weight = `scale · (field - zero)`, as in `int.rs`, whose
//! zero points are numbers of the scale's type and can be fractional.

use super::bits;
use super::int::asymmetric;
use super::scale::{self, BF16, F16, F32, ScaleFamilies, StoredScale};
use super::stream::{self, Stream};
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Hints, Levels, PART, Pack, Plane, QuantizeError, ShaderParts,
    Spans, Table, span_of,
};
use crate::formats::encode::range::inverse;
use crate::simd::{at_baseline, at_level};
use crate::{Group, ScaleType};
use fearless_simd::{Level, Simd};

/// Groups in a block.
pub(crate) const GROUPS: usize = 8;

/// The bits that hold a zero point; also the bytes that hold those of a block.
const fn zero_bits(bits: usize, scale: ScaleType) -> usize {
    let (zero, unit) = (bits.next_power_of_two(), scale.bytes());
    if zero < unit { unit } else { zero }
}

/// The bytes before the fields.
const fn header(bits: usize, scale: ScaleType) -> usize {
    GROUPS * scale.bytes() + zero_bits(bits, scale)
}

/// The same in units of the scale plane.
const fn header_units(bits: usize, scale: ScaleType) -> usize {
    header(bits, scale) / scale.bytes()
}

const fn stream(bits: usize, scale: ScaleType) -> Stream {
    Stream {
        header: header(bits, scale),
        // Fields of 8 bits are 0..255, codes -128..127.
        offset: if bits == 8 { 128 } else { 0 },
        signs: false,
    }
}

const fn scale_fields(scale: ScaleType) -> [(usize, ScaleType); GROUPS] {
    let mut fields = [(0, scale); GROUPS];
    let mut g = 0;
    while g < GROUPS {
        fields[g].0 = g * scale.bytes();
        g += 1;
    }
    fields
}

const fn family<const BITS: usize, S: StoredScale>(name: &'static str, scales: &'static ScaleFamilies) -> Family {
    Family {
        name,
        gguf: None,
        blocks: Blocks::Groups {
            groups: GROUPS,
            header: header(BITS, S::TYPE),
            bits: BITS,
        },
        floats: const { &scale_fields(S::TYPE) },
        scales,
        group: 32,
        affine_kind: AffineKind::ScaleZero {
            base: if BITS == 8 { 128 } else { 0 },
        },
        levels: Levels::Signed,
        table: Table::None,
        codes: |block, codes| stream::codes::<BITS>(stream(BITS, S::TYPE), block, codes),
        affine: |block, g| at_baseline!(simd => affine::<_, BITS, S>(simd, block, g)),
        unpack: Some(unpack::<BITS, S>),
        code_plane: bits::plane(BITS),
        pack_codes: Pack::Codes(|level, codes, units| {
            // Codes of 8 bits stay 128 lower on the device, as signed bytes.
            bits::pack_from::<BITS>(level, 0, codes, units);
        }),
        scale_plane: Plane {
            units: header_units(BITS, S::TYPE),
            per: GROUPS * 32,
            ..scale::plane(S::TYPE, false)
        },
        scale_bytes: const { &[(0, header(BITS, S::TYPE))] },
        quantize: |weights, hints, block| quantize::<BITS>(S::TYPE, weights, hints, block),
        shader: ShaderParts {
            bits: BITS,
            fields: match BITS {
                8 => Fields::Other { largest: 128 },
                _ => Fields::Linear { step: 1, offset: 0 },
            },
            decode: Decode::Offset,
            files: const {
                &[
                    scale::shader(S::TYPE, false),
                    (
                        "formats/int_qzeros.wgsl",
                        include_str!("../../shaders/formats/int_qzeros.wgsl"),
                    ),
                ]
            },
            consts: const {
                &[
                    ("HEADER_UNITS", header_units(BITS, S::TYPE) as u32),
                    ("ZERO_BITS", zero_bits(BITS, S::TYPE) as u32),
                    ("ZEROS", (8 * S::TYPE.bytes() / zero_bits(BITS, S::TYPE)) as u32),
                ]
            },
        },
    }
}

#[inline(always)]
fn affine<V: Simd, const BITS: usize, S: StoredScale>(simd: V, block: &[u8], g: usize) -> Affine {
    let one = S::TYPE.bytes();
    Affine {
        scale: S::TYPE.load_at(simd, &block[g * one..]),
        offset: bits::field_of(&block[GROUPS * one..], zero_bits(BITS, S::TYPE), g) as f32,
    }
}

/// Only for rows of whole groups.
fn unpack<const BITS: usize, S: StoredScale>(level: Level, group: Group, row: &[u8], spans: Spans) {
    // Whole rows are no groups of these formats.
    if let Group::Len(len) = group {
        // The default group gets a loop of its own, as in `rows.rs`.
        at_level!(level, simd => match len {
            PART => blocks::<_, BITS, S>(simd, PART, row, spans),
            len => blocks::<_, BITS, S>(simd, len, row, spans),
        });
    }
}

#[inline(always)]
fn blocks<V: Simd, const BITS: usize, S: StoredScale>(simd: V, len: usize, row: &[u8], spans: Spans) {
    let per_group = len / span_of(Group::Len(len));
    let mut scales = spans.scales.chunks_mut(GROUPS * per_group);
    let mut offsets = spans.offsets.chunks_mut(GROUPS * per_group);
    let stored = row.chunks(header(BITS, S::TYPE) + len * GROUPS / 8 * BITS);
    for (block, codes) in stored.zip(spans.codes.chunks_mut(GROUPS * len)) {
        stream::put::<V, BITS>(simd, stream(BITS, S::TYPE), block, codes);
        // Empty where only codes are asked for.
        if let (Some(scales), Some(offsets)) = (scales.next(), offsets.next()) {
            let read = affines::<V, BITS, S>(simd, block);
            let scales = scales.chunks_exact_mut(per_group);
            let offsets = offsets.chunks_exact_mut(per_group);
            for ((scales, offsets), Affine { scale, offset }) in scales.zip(offsets).zip(read) {
                scales.fill(scale);
                offsets.fill(offset);
            }
        }
    }
}

/// Those of all groups of a block, also of those that it lacks: a loop of known length over bytes of known number.
#[inline(always)]
fn affines<V: Simd, const BITS: usize, S: StoredScale>(simd: V, block: &[u8]) -> [Affine; GROUPS] {
    let header = &block[..header(BITS, S::TYPE)];
    let mut all = [Affine {
        scale: 0.0,
        offset: 0.0,
    }; GROUPS];
    for (g, one) in all.iter_mut().enumerate() {
        *one = affine::<V, BITS, S>(simd, header, g);
    }
    all
}

/// Writes the scale and the zero point of a group, an error where the scale is infinite in its type. The zero point has
/// at most `bits` bits.
pub(crate) fn put(
    bits: usize,
    kind: ScaleType,
    g: usize,
    (scale, zero): (f32, u8),
    block: &mut [u8],
) -> Result<(), QuantizeError> {
    kind.store(scale, &mut block[g * kind.bytes()..])?;
    let (first, width) = (GROUPS * kind.bytes(), zero_bits(bits, kind));
    let (byte, shift) = (first + g * width / 8, g * width % 8);
    let mask = (0xff >> (8 - width)) << shift;
    block[byte] = block[byte] & !mask | zero << shift;
    Ok(())
}

/// Round to nearest, with scale and zero point from the extremes of the group: those of `int.rs`, whose zero points are
/// whole here.
fn quantize<const BITS: usize>(
    kind: ScaleType,
    weights: &[f32],
    hints: &Hints,
    block: &mut [u8],
) -> Result<(), QuantizeError> {
    let top = ((1u32 << BITS) - 1) as f32;
    let (scale, zero) = asymmetric(weights, top, kind)?;
    put(BITS, kind, hints.group, (scale, zero as u8), block)?;
    let inverse = inverse(scale);
    // Groups begin with whole bytes.
    let fields = &mut block[header(BITS, kind) + hints.first / 8 * BITS..];
    fields[..(weights.len() * BITS).div_ceil(8)].fill(0);
    for (i, w) in weights.iter().enumerate() {
        let field = ((w * inverse).round_ties_even() + zero).clamp(0.0, top);
        bits::set_field::<BITS>(fields, i, field as u8);
    }
    Ok(())
}

/// One [`Family`] for each scale type of a format; F16 is the default. A macro for the reason given in `int.rs`.
macro_rules! families {
    ($($bits:literal: $all:ident = $name:ident $text:literal, $bf16:ident $bf16_text:literal,
       $f32:ident $f32_text:literal;)+) => {$(
        static $all: [(ScaleType, &Family); 3] = [
            (ScaleType::F16, &$name),
            (ScaleType::BF16, &$bf16),
            (ScaleType::F32, &$f32),
        ];
        pub(crate) static $name: Family = family::<$bits, F16>($text, &$all);
        static $bf16: Family = family::<$bits, BF16>($bf16_text, &$all);
        static $f32: Family = family::<$bits, F32>($f32_text, &$all);
    )+};
}

families! {
    8: INT8_ALL = INT8_QZEROS "int8_qzeros", INT8_BF16 "int8_qzeros_bf16", INT8_F32 "int8_qzeros_f32";
    4: INT4_ALL = INT4_QZEROS "int4_qzeros", INT4_BF16 "int4_qzeros_bf16", INT4_F32 "int4_qzeros_f32";
    3: INT3_ALL = INT3_QZEROS "int3_qzeros", INT3_BF16 "int3_qzeros_bf16", INT3_F32 "int3_qzeros_f32";
    2: INT2_ALL = INT2_QZEROS "int2_qzeros", INT2_BF16 "int2_qzeros_bf16", INT2_F32 "int2_qzeros_f32";
}

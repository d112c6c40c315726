//! Plain integers: INT8, INT4, INT2, 1-bit and ternary, with a scale for any group of weights.
//!
//! A block is one group: f16 scale, f16 zero point (asymmetric formats only), then the codes as
//! unsigned fields of 1, 2, 4 or 8 bits, lowest bits first. The last group of a row may be short.
//! A field `u` of a symmetric format stands for `scale · (u - 2^(bits-1))` (INT1: `u ? scale : -scale`,
//! ternary: `scale · (u - 1)`, INT8: two's complement); of an asymmetric one for `scale · (u - zero)`.

use super::{bits, f16};
use crate::family::{
    Affine, AffineKind, Blocks, Family, Hints, Plane, QuantizeError, ShaderParts, Unit,
};
use crate::quantize::range::{extreme, inverse, max_abs};

/// Bytes before the codes.
const fn header(asymmetric: bool) -> usize {
    if asymmetric {
        4
    } else {
        2
    }
}

/// What is added to a code to get its unsigned field.
const fn offset(bits: usize, asymmetric: bool, ternary: bool) -> i8 {
    match (bits, asymmetric, ternary) {
        (8, true, _) => -128, // fields are 0..255, codes -128..127; wrapping
        (8, false, _) | (1, ..) | (_, true, _) => 0,
        (_, _, true) => 1,
        _ => 1 << (bits - 1),
    }
}

macro_rules! family {
    ($name:ident, $text:literal, $bits:literal, asymmetric: $asym:literal, ternary: $tern:literal) => {
        pub(crate) static $name: Family = Family {
            name: $text,
            gguf: None,
            blocks: Blocks::Groups {
                header: header($asym),
                bits: $bits,
            },
            floats: if $asym { &[(0, 2), (2, 2)] } else { &[(0, 2)] },
            group: 32,
            affine_kind: if $asym {
                AffineKind::ScaleZero
            } else {
                AffineKind::Scale
            },
            table: None,
            codes: codes::<$bits, $asym, { offset($bits, $asym, $tern) }>,
            affine: affine::<$bits, $asym>,
            code_plane: bits::plane($bits),
            // An asymmetric 8-bit code is stored as it is, minus 128.
            pack_codes: bits::pack::<
                $bits,
                {
                    if $bits == 8 {
                        0
                    } else {
                        offset($bits, $asym, $tern)
                    }
                },
            >,
            scale_plane: Plane {
                unit: if $asym { Unit::Word } else { Unit::Half },
                units: 1,
                per: 32,
            },
            pack_scales: |block, units| units.copy_from_slice(&block[..header($asym)]),
            quantize: quantize::<$bits, $asym, $tern>,
            shader: ShaderParts {
                files: &[
                    bits::shader!($bits),
                    if $asym {
                        (
                            "formats/int_asym.wgsl",
                            include_str!("../../shaders/formats/int_asym.wgsl"),
                        )
                    } else {
                        (
                            "formats/int.wgsl",
                            include_str!("../../shaders/formats/int.wgsl"),
                        )
                    },
                ],
                consts: &[(
                    "CODE_OFFSET",
                    if $asym && $bits == 8 {
                        128
                    } else {
                        offset($bits, $asym, $tern) as u32
                    },
                )],
            },
        };
    };
}

family!(INT8, "int8", 8, asymmetric: false, ternary: false);
family!(INT8_ASYM, "int8_asym", 8, asymmetric: true, ternary: false);
family!(INT4, "int4", 4, asymmetric: false, ternary: false);
family!(INT4_ASYM, "int4_asym", 4, asymmetric: true, ternary: false);
family!(INT2, "int2", 2, asymmetric: false, ternary: false);
family!(INT2_ASYM, "int2_asym", 2, asymmetric: true, ternary: false);
family!(INT1, "int1", 1, asymmetric: false, ternary: false);
family!(TERNARY, "ternary", 2, asymmetric: false, ternary: true);

fn codes<const BITS: usize, const ASYM: bool, const OFFSET: i8>(block: &[u8], codes: &mut [i8]) {
    let fields = &block[header(ASYM)..];
    let mask = ((1u16 << BITS) - 1) as u8;
    for (codes, &byte) in codes.chunks_mut(8 / BITS).zip(fields) {
        for (i, code) in codes.iter_mut().enumerate() {
            let field = (byte >> (BITS * i)) & mask;
            *code = match BITS {
                1 => 2 * field as i8 - 1,
                _ => (field as i8).wrapping_sub(OFFSET),
            };
        }
    }
}

fn affine<const BITS: usize, const ASYM: bool>(block: &[u8], _: usize) -> Affine {
    // Codes of 8 bits are held 128 lower, to fit an i8; so is their zero point.
    let shift = if BITS == 8 { 128.0 } else { 0.0 };
    Affine {
        scale: f16::load(block, 0),
        offset: if ASYM {
            f16::load(block, 2) - shift
        } else {
            0.0
        },
    }
}

/// Round to nearest: scale and zero point from the extremes of the group, every field the nearest.
fn quantize<const BITS: usize, const ASYM: bool, const TERNARY: bool>(
    weights: &[f32],
    _: &Hints,
    block: &mut [u8],
) -> Result<(), QuantizeError> {
    let (scale, zero) = if ASYM {
        asymmetric(weights, BITS)
    } else if TERNARY {
        (least_squares_ternary(weights), 1.0)
    } else if BITS == 1 {
        (mean_abs(weights), 0.0)
    } else if BITS == 8 {
        (max_abs(weights) / 127.0, 128.0)
    } else {
        // Few codes: the weight of largest magnitude, sign and all, becomes the lowest, so that
        // all of them are in use (as in GGUF's Q4_0 and ONNX Runtime).
        let half = (1 << (BITS - 1)) as f32;
        (extreme(weights) / -half, half)
    };
    f16::store(block, 0, scale)?;
    if ASYM {
        f16::store(block, 2, zero)?;
    }
    let scale = f16::load(block, 0);
    let inverse = inverse(scale);
    let top = ((1u32 << BITS) - 1 - TERNARY as u32) as f32;
    let fields = &mut block[header(ASYM)..];
    fields.fill(0);
    for (i, &w) in weights.iter().enumerate() {
        let field = match BITS {
            1 => (w >= 0.0) as u8,
            _ => ((w * inverse).round_ties_even() + zero).clamp(0.0, top) as u8,
        };
        // Symmetric INT8 is kept in two's complement.
        let field = if BITS == 8 && !ASYM {
            field ^ 0x80
        } else {
            field
        };
        fields[i * BITS / 8] |= field << (i * BITS % 8);
    }
    Ok(())
}

fn mean_abs(weights: &[f32]) -> f32 {
    weights.iter().map(|w| w.abs()).sum::<f32>() / weights.len().max(1) as f32
}

/// Scale and zero point such that 0 and both extremes are representable.
fn asymmetric(weights: &[f32], bits: usize) -> (f32, f32) {
    let lo = weights.iter().fold(0.0f32, |m, &w| m.min(w));
    let hi = weights.iter().fold(0.0f32, |m, &w| m.max(w));
    let top = ((1u32 << bits) - 1) as f32;
    // The zero point belongs to the scale as stored.
    let scale = half::f16::from_f32((hi - lo) / top).to_f32();
    if scale == 0.0 || !scale.is_finite() {
        return ((hi - lo) / top, 0.0);
    }
    (scale, (-lo / scale).round_ties_even().clamp(0.0, top))
}

/// The scale of the best ternary approximation in least squares: of the j largest magnitudes,
/// for every j, the mean minimizes the error, which falls by (their sum)² / j. Ternary weights
/// come back exactly.
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

//! Small floats: E2M1, E2M3, E3M2, E4M3, E5M2, with a scale of any type for any group of weights.
//!
//! A block is one group: the scale, then 4, 6 or 8 bits for each weight, lowest bits first; the last group of a row can
//! be shorter. Weight = scale · element. With scales E8M0 and groups of 32 these are the OCP MX formats (MXFP4, MXFP6,
//! MXFP8); E2M1 with E4M3 and groups of 16 is NVFP4 without its global scale; E4M3 with f32 is the FP8 of
//! compressed-tensors and DeepSeek. Unlike GGUF's MXFP4, code 8 of E2M1 is a negative zero.

use super::bits;
use super::scale::{self, BF16, E4M3 as ScaleE4M3, E8M0, F16, F32, ScaleFamilies, StoredScale};
use super::stream::{self, Stream};
use crate::ScaleType;
use crate::family::{AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, QuantizeError, ShaderParts, Table};
use crate::formats::encode::range::max_abs;

/// The values of all codes of an element type: a sign, `e` bits of exponent, `m` of mantissa.
const fn values<const N: usize>(e: u32, m: u32) -> [f32; N] {
    let mut values = [0f32; N];
    let mut code = 0;
    while code < N {
        let magnitude = code as u32 & ((1 << (e + m)) - 1);
        let bits = if is_special(e, m, magnitude) {
            // Infinity, or some NaN.
            0x7f80_0000 | (magnitude & ((1 << m) - 1)) << (23 - m)
        } else if magnitude < 1 << m {
            // Whole multiples of the smallest: 2^(1 - bias - m).
            let smallest = f32::from_bits((128 - bias(e) - m) << 23);
            (magnitude as f32 * smallest).to_bits()
        } else {
            (magnitude << (23 - m)) + ((127 - bias(e)) << 23)
        };
        values[code] = f32::from_bits(bits | (code as u32 >> (e + m)) << 31);
        code += 1;
    }
    values
}

const fn bias(e: u32) -> u32 {
    (1 << (e - 1)) - 1
}

/// Whether a code without its sign is NaN or infinite: in E4M3 all bits set, in E5M2 the top exponent.
const fn is_special(e: u32, m: u32, magnitude: u32) -> bool {
    match (e, m) {
        (4, 3) => magnitude == 127,
        (5, 2) => magnitude >= 124,
        _ => false,
    }
}

/// The largest finite code without its sign.
const fn largest(e: u32, m: u32) -> u32 {
    match (e, m) {
        (4, 3) => 126,
        (5, 2) => 123,
        _ => (1 << (e + m)) - 1,
    }
}

pub(crate) static E2M1: [f32; 16] = values(2, 1);
pub(crate) static E2M3: [f32; 64] = values(2, 3);
pub(crate) static E3M2: [f32; 64] = values(3, 2);
pub(crate) static E4M3: [f32; 256] = values(4, 3);
pub(crate) static E5M2: [f32; 256] = values(5, 2);

/// The code of the nearest value, ties to even, saturating at the largest.
pub(crate) fn nearest<const E: u32, const M: u32>(x: f32) -> u8 {
    let (bias, top) = (bias(E) as i32, largest(E, M));
    let a = x.abs();
    // The exponent of the step between neighbours; f32's subnormals lie far below any.
    let exponent = ((a.to_bits() >> 23) as i32 - 127).clamp(1 - bias, 127);
    let step = 2f64.powi(exponent - M as i32);
    let steps = (a as f64 / step).round_ties_even();
    // Rounding beyond the largest mantissa carries into the exponent, which is correct.
    let code = steps + (((exponent + bias - 1) as u32) << M) as f64;
    let code = if code < top as f64 { code as u32 } else { top };
    (code | (x.to_bits() >> 31) << (E + M)) as u8
}

/// A code is its field.
const fn stream(scale: ScaleType) -> Stream {
    Stream {
        header: scale.bytes(),
        offset: 0,
        signs: false,
    }
}

const fn family<const BITS: usize, const E: u32, const M: u32, S: StoredScale>(
    name: &'static str,
    group: usize,
    levels: &'static [f32],
    scales: &'static ScaleFamilies,
) -> Family {
    Family {
        name,
        gguf: None,
        blocks: Blocks::Groups {
            groups: 1,
            header: S::TYPE.bytes(),
            bits: BITS,
        },
        floats: const { &[(0, S::TYPE)] },
        scales,
        group,
        affine_kind: AffineKind::Scale,
        levels: Levels::Table(levels),
        table: Table::None,
        codes: |block, codes| stream::codes::<BITS>(stream(S::TYPE), block, codes),
        affine: |block, _| stream::affine::<S>(stream(S::TYPE), block),
        unpack: Some(|level, group, row, spans| {
            stream::unpack::<BITS, S>(stream(S::TYPE), level, group, row, spans);
        }),
        code_plane: bits::plane(BITS),
        pack_codes: Pack::Codes(bits::pack::<BITS, 0>),
        scale_plane: scale::plane(S::TYPE, false),
        scale_bytes: const { &[(0, S::TYPE.bytes())] },
        quantize: |weights, _, block| quantize::<BITS, E, M>(S::TYPE, weights, block),
        shader: ShaderParts {
            bits: BITS,
            fields: Fields::Other { largest: 0 },
            decode: Decode::Minifloat,
            files: const {
                &[
                    scale::shader(S::TYPE, false),
                    ("formats/stored.wgsl", include_str!("../../shaders/formats/stored.wgsl")),
                    (
                        "levels/minifloat_top.wgsl",
                        include_str!("../../shaders/levels/minifloat_top.wgsl"),
                    ),
                ]
            },
            consts: const {
                &[
                    ("EXPONENT", E),
                    ("MANTISSA", M),
                    (
                        "TOP",
                        match (E, M) {
                            (4, 3) => 1,
                            (5, 2) => 2,
                            _ => 0,
                        },
                    ),
                ]
            },
        },
    }
}

/// The largest weight of a group becomes the largest element; where the scale is a power of two, it
/// gets the exponent of the largest element, and the little that is above saturates (OCP MX, 6.3).
fn quantize<const BITS: usize, const E: u32, const M: u32>(
    scale_type: ScaleType,
    weights: &[f32],
    block: &mut [u8],
) -> Result<(), QuantizeError> {
    let max = max_abs(weights);
    let exponent = largest(E, M) >> M;
    let top = f32::from_bits(((127 - bias(E)) << 23) + (largest(E, M) << (23 - M)));
    let wanted = match scale_type {
        ScaleType::E8M0 => max * 2f32.powi(bias(E) as i32 - exponent as i32),
        _ => max / top,
    };
    block.fill(0);
    scale_type.store(wanted, block)?;
    let scale = scale_type.load(block);
    let fields = &mut block[scale_type.bytes()..];
    for (i, w) in weights.iter().enumerate() {
        let x = if scale == 0.0 { 0.0 } else { w / scale };
        bits::set_field::<BITS>(fields, i, nearest::<E, M>(x));
    }
    Ok(())
}

/// One [`Family`] for each scale type of one element type, and the list of them. A macro, because each family is a
/// static of its own that refers to the list, and the functions that it names depend on the scale type.
macro_rules! families {
    ($bits:literal, $e:literal, $m:literal, $values:ident, $all:ident, group $group:literal:
     $($name:ident = $text:literal $scale:ident,)+) => {
        static $all: [(ScaleType, &Family); 5] = [$((<$scale as StoredScale>::TYPE, &$name)),+];
        $(pub(crate) static $name: Family =
            family::<$bits, $e, $m, $scale>($text, $group, &$values, &$all);)+
    };
}

families!(4, 2, 1, E2M1, FP4_E2M1_ALL, group 32:
    FP4_E2M1 = "fp4_e2m1" E8M0, FP4_E2M1_E4M3 = "fp4_e2m1_e4m3" ScaleE4M3, FP4_E2M1_F16 = "fp4_e2m1_f16" F16,
    FP4_E2M1_BF16 = "fp4_e2m1_bf16" BF16, FP4_E2M1_F32 = "fp4_e2m1_f32" F32,);
families!(6, 2, 3, E2M3, FP6_E2M3_ALL, group 32:
    FP6_E2M3 = "fp6_e2m3" E8M0, FP6_E2M3_E4M3 = "fp6_e2m3_e4m3" ScaleE4M3, FP6_E2M3_F16 = "fp6_e2m3_f16" F16,
    FP6_E2M3_BF16 = "fp6_e2m3_bf16" BF16, FP6_E2M3_F32 = "fp6_e2m3_f32" F32,);
families!(6, 3, 2, E3M2, FP6_E3M2_ALL, group 32:
    FP6_E3M2 = "fp6_e3m2" E8M0, FP6_E3M2_E4M3 = "fp6_e3m2_e4m3" ScaleE4M3, FP6_E3M2_F16 = "fp6_e3m2_f16" F16,
    FP6_E3M2_BF16 = "fp6_e3m2_bf16" BF16, FP6_E3M2_F32 = "fp6_e3m2_f32" F32,);
families!(8, 4, 3, E4M3, FP8_E4M3_ALL, group 128:
    FP8_E4M3 = "fp8_e4m3" F32, FP8_E4M3_E8M0 = "fp8_e4m3_e8m0" E8M0, FP8_E4M3_E4M3 = "fp8_e4m3_e4m3" ScaleE4M3,
    FP8_E4M3_F16 = "fp8_e4m3_f16" F16, FP8_E4M3_BF16 = "fp8_e4m3_bf16" BF16,);
families!(8, 5, 2, E5M2, FP8_E5M2_ALL, group 128:
    FP8_E5M2 = "fp8_e5m2" F32, FP8_E5M2_E8M0 = "fp8_e5m2_e8m0" E8M0, FP8_E5M2_E4M3 = "fp8_e5m2_e4m3" ScaleE4M3,
    FP8_E5M2_F16 = "fp8_e5m2_f16" F16, FP8_E5M2_BF16 = "fp8_e5m2_bf16" BF16,);

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<const E: u32, const M: u32>(values: &[f32]) {
        for (code, &value) in values.iter().enumerate().filter(|v| v.1.is_finite()) {
            assert_eq!(nearest::<E, M>(value) as usize, code, "{value}");
        }
        // Halfway between neighbours: the even code. Slightly more or less: the nearer one.
        let top = largest(E, M) as usize;
        for (code, pair) in values[..=top].windows(2).enumerate() {
            let middle = (pair[0] + pair[1]) / 2.0;
            let even = code + code % 2;
            assert_eq!(nearest::<E, M>(middle) as usize, even, "{middle}");
            assert_eq!(nearest::<E, M>(middle * 0.999) as usize, code);
            assert_eq!(nearest::<E, M>(middle * 1.001) as usize, code + 1);
        }
        for large in [values[top] * 1.5, f32::MAX, f32::INFINITY] {
            assert_eq!(nearest::<E, M>(large) as usize, top);
        }
    }

    #[test]
    fn every_value_is_its_own_nearest() {
        round_trip::<2, 1>(&E2M1);
        round_trip::<2, 3>(&E2M3);
        round_trip::<3, 2>(&E3M2);
        round_trip::<4, 3>(&E4M3);
        round_trip::<5, 2>(&E5M2);
        assert_eq!(E2M1[..8], [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]);
        assert_eq!((E2M3[31], E3M2[31]), (7.5, 28.0));
        assert_eq!((E4M3[126], E5M2[123]), (448.0, 57344.0));
        assert!(E4M3[127].is_nan() && E5M2[124] == f32::INFINITY && E5M2[127].is_nan());
    }
}

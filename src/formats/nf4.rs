//! bitsandbytes NF4: a block is one group (64 weights unless asked otherwise, the last of a row may
//! be short): absmax (f32), then a nibble for each weight, the high nibble first.
//! Weight = absmax · LEVELS[nibble]. The levels are no integers, so the format has no DP4A kernel.

use super::bits;
use crate::family::{
    Affine, AffineKind, Blocks, Family, Levels, Pack, Plane, ShaderParts, Table, Unit,
};
use crate::quantize::range::max_abs;
use crate::ScaleType;

/// Quantiles of the normal distribution with an exact zero, as bitsandbytes 0.50 ships them.
static LEVELS: [f32; 16] = [
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

pub(crate) static NF4: Family = Family {
    name: "nf4",
    gguf: None,
    blocks: Blocks::Groups { header: 4, bits: 4 },
    floats: &[(0, ScaleType::F32)],
    scales: &[],
    group: 64,
    affine_kind: AffineKind::Scale,
    levels: Levels::Table(&LEVELS),
    table: Table::None,
    codes: |block, codes| {
        for (codes, byte) in codes.chunks_mut(2).zip(&block[4..]) {
            codes[0] = (byte >> 4) as i8;
            if let Some(code) = codes.get_mut(1) {
                *code = (byte & 15) as i8;
            }
        }
    },
    affine: |block, _| Affine {
        scale: f32::from_le_bytes([block[0], block[1], block[2], block[3]]),
        offset: 0.0,
    },
    code_plane: bits::plane(4),
    pack_codes: Pack::Codes(bits::pack::<4, 0>),
    scale_plane: Plane {
        unit: Unit::Word,
        units: 1,
        per: 64,
    },
    pack_scales: |block, units| units.copy_from_slice(&block[..4]),
    quantize: |weights, _, block| {
        let absmax = max_abs(weights);
        block.fill(0);
        block[..4].copy_from_slice(&absmax.to_le_bytes());
        for (i, w) in weights.iter().enumerate() {
            let x = if absmax == 0.0 { 0.0 } else { w / absmax };
            // The nearest level: one more for each midpoint passed, so that a tie takes the lower.
            let code = (1..16)
                .filter(|&c| x > (LEVELS[c - 1] + LEVELS[c]) * 0.5)
                .count() as u8;
            block[4 + i / 2] |= code << (4 * ((i + 1) % 2));
        }
        Ok(())
    },
    shader: ShaderParts {
        bits: 4,
        files: &[
            bits::LEVEL_TABLE,
            (
                "formats/nf4.wgsl",
                include_str!("../../shaders/formats/nf4.wgsl"),
            ),
        ],
        consts: &[],
    },
};

//! Integers whose scales and zero points vary from column to column and repeat down the rows: HQQ with
//! groups along axis 0.
//!
//! A row is a stream of fields of 1, 2, 3, 4 or 8 bits, lowest bits first, without any header. Scales
//! and zero points come with the matrix ([`Matrix::from_codebook`](crate::Matrix::from_codebook)):
//! pairs of f32, any number of them. Weight i of the matrix, counted along its rows, is
//! `scale · (field - zero)` of pair i modulo their number. Each weight has its own pair, so kernels
//! have no groups to hoist and there is no DP4A kernel.

use super::bits;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, QuantizeError, ShaderParts, Table, Unit,
};
use fearless_simd::Level;

const fn family<const BITS: usize>(name: &'static str) -> Family {
    Family {
        name,
        gguf: None,
        blocks: Blocks::Groups {
            groups: 1,
            header: 0,
            bits: BITS,
        },
        floats: &[],
        scales: &[],
        group: 0,
        affine_kind: AffineKind::Scale,
        levels: Levels::Direct(levels::<BITS>),
        table: Table::Pairs,
        codes: |_, codes| codes.fill(0),
        affine: |_, _| Affine {
            scale: 1.0,
            offset: 0.0,
        },
        unpack: None,
        code_plane: bits::plane(BITS),
        pack_codes: Pack::Blocks(|row, units| {
            // 32 fields, fewer at the end of a row.
            let count = row.len() * 8 / BITS;
            let mut codes = [0i8; 32];
            for (i, code) in codes.iter_mut().enumerate().take(count) {
                *code = bits::field::<BITS>(row, i) as i8;
            }
            bits::pack::<BITS, 0>(Level::baseline(), &codes, units);
        }),
        scale_plane: Plane {
            unit: Unit::Word,
            units: 0,
            per: 0,
        },
        scale_bytes: &[],
        // Never called: `Matrix::quantize` returns an error.
        quantize: |_, _, _| {
            Err(QuantizeError {
                scale: f32::NAN,
                limit: 0.0,
            })
        },
        shader: ShaderParts {
            bits: BITS,
            fields: Fields::Other { largest: 0 },
            decode: Decode::Own,
            files: &[(
                "formats/columns.wgsl",
                include_str!("../../shaders/formats/columns.wgsl"),
            )],
            consts: &[],
        },
    }
}

fn levels<const BITS: usize>(row: &[u8], pairs: &[u32], first: usize, levels: &mut [f32]) {
    let count = pairs.len() / 2;
    for (i, level) in levels.iter_mut().enumerate() {
        let at = 2 * ((first + i) % count);
        let (scale, zero) = (f32::from_bits(pairs[at]), f32::from_bits(pairs[at + 1]));
        *level = (bits::field::<BITS>(row, i) as f32 - zero) * scale;
    }
}

pub(crate) static INT1_COLUMNS: Family = family::<1>("int1_columns");
pub(crate) static INT2_COLUMNS: Family = family::<2>("int2_columns");
pub(crate) static INT3_COLUMNS: Family = family::<3>("int3_columns");
pub(crate) static INT4_COLUMNS: Family = family::<4>("int4_columns");
pub(crate) static INT8_COLUMNS: Family = family::<8>("int8_columns");

//! Weights that are not packed at all: F32, F16, BF16, one after the other in little-endian bytes.

use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Direct, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};

/// A family of one float type; its weights are as exact as its scales would be.
const fn family(
    name: &'static str,
    gguf: u32,
    float: &'static [(usize, ScaleType)],
    levels: Direct,
    quantize: crate::family::Quantize,
    shader: &'static [(&'static str, &'static str)],
) -> Family {
    let bytes = float[0].1.bytes();
    Family {
        name,
        gguf: Some(gguf),
        blocks: Blocks::Plain { bytes },
        floats: float,
        scales: &[],
        group: 32,
        affine_kind: AffineKind::Scale,
        levels: Levels::Direct(levels),
        table: Table::None,
        codes: |_, codes| codes.fill(0),
        affine: |_, _| Affine {
            scale: 1.0,
            offset: 0.0,
        },
        unpack: None,
        code_plane: Plane {
            unit: Unit::Vec4,
            units: 2 * bytes,
            per: 32,
        },
        pack_codes: Pack::Blocks(|weights, units| {
            units.fill(0);
            units[..weights.len()].copy_from_slice(weights);
        }),
        scale_plane: Plane {
            unit: Unit::Word,
            units: 0,
            per: 0,
        },
        scale_bytes: &[],
        quantize,
        shader: ShaderParts {
            bits: 0,
            fields: Fields::Other { largest: 0 },
            decode: Decode::Own,
            files: shader,
            consts: &[],
        },
    }
}

macro_rules! float {
    ($name:ident, $text:literal, $gguf:literal, $shader:literal) => {
        pub(crate) static $name: Family = family(
            $text,
            $gguf,
            &[(0, ScaleType::$name)],
            |bytes, _, _, levels| {
                let size = ScaleType::$name.bytes();
                for (level, bytes) in levels.iter_mut().zip(bytes.chunks_exact(size)) {
                    *level = ScaleType::$name.load(bytes);
                }
            },
            |weights, _, bytes| {
                let size = ScaleType::$name.bytes();
                for (weight, bytes) in weights.iter().zip(bytes.chunks_exact_mut(size)) {
                    ScaleType::$name.store(*weight, bytes)?;
                }
                Ok(())
            },
            &[($shader, include_str!(concat!("../../shaders/", $shader)))],
        );
    };
}
float!(F32, "f32", 0, "formats/f32.wgsl");
float!(F16, "f16", 1, "formats/f16.wgsl");
float!(BF16, "bf16", 30, "formats/bf16.wgsl");

//! GGUF Q8_1: 32 weights in 36 bytes. 0: d (f16), 2: the sum of the weights (f16), 4: 32 signed
//! bytes. Weight = d · byte. ggml rounds inputs to it; the sum serves its products and is not read here.

use super::{bits, f16};
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};
use crate::formats::encode::range::{inverse, max_abs};

pub(crate) static Q8_1: Family = Family {
    name: "q8_1",
    gguf: Some(9),
    blocks: Blocks::Fixed { len: 32, bytes: 36 },
    floats: &[(0, ScaleType::F16), (2, ScaleType::F16)],
    scales: &[],
    group: 32,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::None,
    codes: |block, codes| {
        for (code, byte) in codes.iter_mut().zip(&block[4..]) {
            *code = *byte as i8;
        }
    },
    affine: |block, _| Affine {
        scale: f16::load(block, 0),
        offset: 0.0,
    },
    unpack: None,
    code_plane: bits::plane(8),
    pack_codes: Pack::Bytes(&[(4, 32)]),
    scale_plane: Plane {
        unit: Unit::Half,
        units: 1,
        per: 32,
    },
    scale_bytes: &[(0, 2)],
    quantize: |weights, _, block| {
        let d = max_abs(weights) / 127.0;
        let inverse = inverse(d);
        f16::store(block, 0, d)?;
        let mut sum = 0i32;
        for (byte, w) in block[4..].iter_mut().zip(weights) {
            let code = (w * inverse).round() as i8;
            sum += code as i32;
            *byte = code as u8;
        }
        f16::store(block, 2, sum as f32 * d)
    },
    shader: ShaderParts {
        bits: 8,
        fields: Fields::Other { largest: 128 },
        decode: Decode::Own,
        files: &[("formats/q8_0.wgsl", include_str!("../../shaders/formats/q8_0.wgsl"))],
        consts: &[],
    },
};

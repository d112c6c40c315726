//! GGUF Q8_K: 256 weights in 292 bytes. 0: d (f32), 4: 256 signed bytes, 260: 16 sums (i16) of 16
//! bytes each. Weight = d · byte. ggml rounds inputs to it; the sums serve its products and are not read here.

use super::bits;
use crate::ScaleType;
use crate::family::{
    Affine, AffineKind, Blocks, Decode, Family, Fields, Levels, Pack, Plane, ShaderParts, Table, Unit,
};
use crate::formats::encode::k_search::nearest;
use crate::formats::encode::range::extreme;

pub(crate) static Q8_K: Family = Family {
    name: "q8_k",
    gguf: Some(15),
    blocks: Blocks::Fixed { len: 256, bytes: 292 },
    floats: &[(0, ScaleType::F32)],
    scales: &[],
    group: 256,
    affine_kind: AffineKind::Scale,
    levels: Levels::Signed,
    table: Table::None,
    codes: |block, codes| {
        for (code, byte) in codes.iter_mut().zip(&block[4..]) {
            *code = *byte as i8;
        }
    },
    affine: |block, _| Affine {
        scale: ScaleType::F32.load(block),
        offset: 0.0,
    },
    unpack: None,
    code_plane: bits::plane(8),
    pack_codes: Pack::Bytes(&[(4, 256)]),
    scale_plane: Plane {
        unit: Unit::Word,
        units: 1,
        per: 256,
    },
    scale_bytes: &[(0, 4)],
    quantize: |weights, _, block| {
        block.fill(0);
        let extreme = extreme(weights);
        // The reciprocal of a subnormal is infinite: such weights are as good as zero.
        let inverse = -127.0 / extreme;
        if extreme == 0.0 || !inverse.is_finite() {
            return Ok(());
        }
        for (byte, w) in block[4..260].iter_mut().zip(weights) {
            *byte = nearest(inverse * w).min(127) as i8 as u8;
        }
        for group in 0..16 {
            let codes = &block[4 + 16 * group..][..16];
            let sum: i16 = codes.iter().map(|&c| c as i8 as i16).sum();
            block[260 + 2 * group..][..2].copy_from_slice(&sum.to_le_bytes());
        }
        ScaleType::F32.store(1.0 / inverse, block)
    },
    shader: ShaderParts {
        bits: 8,
        fields: Fields::Other { largest: 128 },
        decode: Decode::Own,
        files: &[
            super::scale::shader(ScaleType::F32, false),
            ("formats/stored.wgsl", include_str!("../../shaders/formats/stored.wgsl")),
        ],
        consts: &[],
    },
};

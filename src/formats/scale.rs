//! The scales of a family of formats: their type, their place in a block, and how the device reads them.

use crate::ScaleType;
use crate::family::{Family, Plane, Unit};

/// A scale type as a type parameter. A block's `codes` and `affine` are plain functions in [`Family`] without an
/// argument for the scale type, so each type has functions of its own, in which offsets and conversions are constants.
pub(crate) trait StoredScale {
    const TYPE: ScaleType;
}

macro_rules! scale_types {
    ($($name:ident)+) => {
        $(pub(crate) struct $name;
        impl StoredScale for $name {
            const TYPE: ScaleType = ScaleType::$name;
        })+
    };
}
scale_types!(F16 BF16 F32 E8M0 E4M3);

/// A family with each of its scale types.
pub(crate) type ScaleFamilies = [(ScaleType, &'static Family)];

/// The device plane of one scale, or of a pair, for each group.
pub(crate) const fn plane(scale: ScaleType, pair: bool) -> Plane {
    let unit = match (scale.bytes(), pair) {
        (1 | 2, false) => Unit::Half,
        (4, true) => Unit::Vec2,
        _ => Unit::Word,
    };
    Plane {
        unit,
        units: 1,
        // For groups of 32: a format's own group takes its place. Bytes share a unit in pairs.
        per: if scale.bytes() == 1 { 64 } else { 32 },
    }
}

macro_rules! snippet {
    ($name:literal) => {
        (
            concat!("scales/", $name, ".wgsl"),
            include_str!(concat!("../../shaders/scales/", $name, ".wgsl")),
        )
    };
}

/// The WGSL that reads such a plane.
pub(crate) const fn shader(scale: ScaleType, pair: bool) -> (&'static str, &'static str) {
    match (scale, pair) {
        (ScaleType::F16, false) => snippet!("group_f16"),
        (ScaleType::BF16, false) => snippet!("group_bf16"),
        (ScaleType::F32, false) => snippet!("group_f32"),
        (ScaleType::E8M0, false) => snippet!("group_e8m0"),
        (ScaleType::E4M3, false) => snippet!("group_e4m3"),
        (ScaleType::F16, true) => snippet!("pair_f16"),
        (ScaleType::BF16, true) => snippet!("pair_bf16"),
        (ScaleType::F32, true) => snippet!("pair_f32"),
        (_, true) => panic!("pairs are f16, bf16 or f32"),
    }
}

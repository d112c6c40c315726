//! What a lane multiplies by x, so that sums do not cancel where weights are small next to the offset of their group.

use super::file::{File, text};
use crate::family::{AffineKind, Family};

/// The snippet that counts levels from the one whose weight is nearest to 0.
pub(crate) fn centre(family: &Family) -> File {
    match family.affine_kind {
        AffineKind::Scale => text!("centre/scale.wgsl"),
        AffineKind::ScaleBias => text!("centre/scale_bias.wgsl"),
        AffineKind::ScaleZero { .. } => text!("centre/scale_zero.wgsl"),
    }
}

/// The snippets that say what meets x in a lane of `lane_n` x `lane_m` sums, and what becomes of sums that are not
/// finite.
pub(crate) fn of(family: &Family, halves: bool, lane_n: u32, lane_m: u32) -> [File; 2] {
    const NEVER: File = text!("again/never.wgsl");
    match family.affine_kind {
        AffineKind::Scale if halves => [text!("factors/levels_unit.wgsl"), NEVER],
        AffineKind::Scale => [text!("factors/levels.wgsl"), NEVER],
        // Each weight is rounded twice, which no sum over centred levels can reproduce.
        AffineKind::ScaleBias if family.has_wide_scales() => [text!("factors/weights.wgsl"), NEVER],
        // Rows of W share sums of x, rows of x share whole weights.
        _ if lane_m < lane_n => [text!("factors/centred.wgsl"), text!("again/weights.wgsl")],
        AffineKind::ScaleBias => [text!("factors/weights.wgsl"), NEVER],
        AffineKind::ScaleZero { .. } => [text!("factors/differences.wgsl"), NEVER],
    }
}

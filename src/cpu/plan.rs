//! How the weights of a matrix are to be read, decided once for a product.

use crate::Matrix;
use crate::family::{AffineKind, Levels, span_of};
use fearless_simd::Level;

pub(super) struct Plan<'a> {
    pub matrix: &'a Matrix<'a>,
    pub k: usize,
    pub level: Level,
    /// Weights of a span: a run of 32, 16 or 8 that shares one affine.
    pub span: usize,
    pub kind: AffineKind,
    pub codes: Codes,
}

/// What codes stand for.
#[derive(Clone, Copy)]
pub(super) enum Codes {
    /// Themselves.
    Signed,
    /// Their bytes, unsigned.
    Unsigned,
    /// Whole numbers times a power of two, 16 of them.
    Whole([i8; 16], f32),
    /// Floats: of a table, or of the matrix's own codebook.
    Floats,
}

impl<'a> Plan<'a> {
    pub fn new(matrix: &'a Matrix<'a>, level: Level) -> Plan<'a> {
        let format = matrix.format();
        let family = format.family();
        Plan {
            matrix,
            k: matrix.k(),
            level,
            span: span_of(format.group()),
            kind: family.affine_kind,
            codes: match family.levels {
                Levels::Signed => Codes::Signed,
                Levels::Unsigned => Codes::Unsigned,
                Levels::Table(_) => match family.levels.as_bytes() {
                    Some((levels, factor)) => Codes::Whole(levels, factor),
                    None => Codes::Floats,
                },
                Levels::Direct(_) => Codes::Floats,
            },
        }
    }

    pub fn has_offsets(&self) -> bool {
        self.kind != AffineKind::Scale
    }

    /// What is added to a signed code before its affine is applied.
    pub fn base(&self) -> f32 {
        match (self.kind, self.codes) {
            (AffineKind::ScaleZero { base }, _) => base as f32,
            (_, Codes::Unsigned) => 128.0,
            _ => 0.0,
        }
    }

    /// The constant that loops are compiled for.
    pub fn constant(&self) -> usize {
        match (self.kind, self.codes) {
            (AffineKind::Scale, _) => SCALE,
            (AffineKind::ScaleBias, Codes::Unsigned) => BASE_BIAS,
            (AffineKind::ScaleBias, _) => BIAS,
            (AffineKind::ScaleZero { .. }, _) => BASE_ZERO,
        }
    }

    /// The same for products of integers with rows that were centred: a middle beside each span, for codes that fill
    /// their bytes (`BASE_ZERO`), or taken off the codes themselves (`BIAS`).
    pub fn centred(&self) -> usize {
        match (self.constant(), self.base()) {
            (SCALE, _) => SCALE,
            (_, 0.0) => BIAS,
            _ => BASE_ZERO,
        }
    }

    /// Whether inputs rounded to integers may meet codes. Weights with a bias and a scale of 24 bits are rounded twice,
    /// each on its own: no sum of integers has that in it.
    pub fn takes_integers(&self) -> bool {
        let rounded = self.kind == AffineKind::ScaleBias && self.matrix.format().family().has_wide_scales();
        self.is_whole() && !rounded
    }

    /// Whether each weight is an integer of 8 bits with the affine of its span.
    pub fn is_whole(&self) -> bool {
        !matches!(self.codes, Codes::Floats)
    }
}

/// The ways to make a weight of a code, as constants that loops are compiled for.
pub(super) const SCALE: usize = 0;
pub(super) const BIAS: usize = 1;
/// With a base that is added to the code.
pub(super) const BASE_BIAS: usize = 2;
pub(super) const BASE_ZERO: usize = 3;

/// Calls a function of `<S, SPAN, KIND>`, and of a constant in brackets if one is given, with the span of a
/// plan and this kind, at its level.
macro_rules! specialized {
    ($plan:expr, $kind:expr, $function:ident $([$count:literal])?, $($argument:expr),+) => {{
        use $crate::cpu::plan::{BASE_BIAS, BASE_ZERO, BIAS, SCALE};
        macro_rules! at {
            ($span:literal, $of:ident) => {
                $crate::simd::at_level!($plan.level, simd => $function::<_, $span, $of $(, $count)?>(simd, $($argument),+))
            };
        }
        match ($plan.span, $kind) {
            (32, SCALE) => at!(32, SCALE),
            (32, BIAS) => at!(32, BIAS),
            (32, BASE_BIAS) => at!(32, BASE_BIAS),
            (32, _) => at!(32, BASE_ZERO),
            (16, SCALE) => at!(16, SCALE),
            (16, BIAS) => at!(16, BIAS),
            (16, BASE_BIAS) => at!(16, BASE_BIAS),
            (16, _) => at!(16, BASE_ZERO),
            (_, SCALE) => at!(8, SCALE),
            (_, BIAS) => at!(8, BIAS),
            (_, BASE_BIAS) => at!(8, BASE_BIAS),
            (_, _) => at!(8, BASE_ZERO),
        }
    }};
}
pub(super) use specialized;

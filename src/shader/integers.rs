//! How the codes of a format become integers that kernels multiply by bytes of x.

use super::file::{File, text};
use crate::family::{AffineKind, Family, Fields, Levels, PART};

/// What kernels that multiply pairs of bytes have in common.
pub(crate) const PAIRS: File = text!("pairs/pairs.wgsl");

/// The snippet that makes integer levels of a format that [has any](Family::has_integers), by a table in workgroup memory
/// or otherwise.
pub(crate) fn of(family: &Family, in_memory: bool) -> Option<File> {
    let file = match (family.levels, family.shader.fields) {
        (Levels::Direct(_), _) => return None,
        (Levels::Table(_), _) if in_memory => text!("integers/table_memory.wgsl"),
        (Levels::Table(_), _) => text!("integers/table.wgsl"),
        (Levels::Unsigned, _) => text!("integers/unsigned.wgsl"),
        (Levels::Signed, Fields::Linear { .. }) => text!("integers/fields.wgsl"),
        (Levels::Signed, Fields::Other { .. }) => text!("integers/codes.wgsl"),
    };
    family.has_integers().then_some(file)
}

/// The snippet that makes a sum of weights of a sum of integer levels.
pub(crate) fn sums(family: &Family) -> File {
    match family.affine_kind {
        AffineKind::Scale => text!("integer_sums/scale.wgsl"),
        AffineKind::ScaleBias | AffineKind::ScaleZero { .. } => text!("integer_sums/centred.wgsl"),
    }
}

/// Bits of the stored fields, where codes are linear in them.
pub(crate) fn field_bits(family: &Family) -> Option<usize> {
    match (family.levels, family.shader.fields) {
        (Levels::Signed, Fields::Linear { .. }) => Some(family.shader.bits),
        _ => None,
    }
}

/// The snippet that makes pairs of weights.
pub(crate) fn pairs(family: &Family) -> File {
    match field_bits(family) {
        Some(_) => text!("pairs/fields.wgsl"),
        None => text!("pairs/words.wgsl"),
    }
}

/// Lines of constants that these snippets need.
pub(crate) fn lines(family: &Family) -> Vec<String> {
    if let Some((levels, factor)) = family.levels.as_bytes() {
        let word = |l: &i8| format!("{:#010x}u", *l as u8 as u32 * 0x0101_0101);
        let words: Vec<_> = levels.iter().map(word).collect();
        let words = words.join(", ");
        return vec![
            format!("const LEVEL_WORDS = array<u32, 16>({words});"),
            format!("const LEVEL_FACTOR: f32 = {factor:?}f;"),
        ];
    }
    match family.shader.fields {
        Fields::Linear { step, offset } => vec![
            format!("const FIELD_STEP: u32 = {step}u;"),
            format!("const FIELD_OFFSET: u32 = {offset}u;"),
        ],
        Fields::Other { .. } => vec![],
    }
}

/// Pairs whose products add up within one of the `spans` spans of a part before they could overflow: the sum must fit a
/// signed half word.
pub(crate) fn pairs_added(family: &Family, spans: u32) -> u32 {
    let largest = match (family.levels.as_bytes(), family.shader.fields) {
        (Some((levels, _)), _) => levels.iter().map(|l| l.unsigned_abs() as u32).max(),
        (None, Fields::Linear { step, offset }) => {
            let top = step as u32 * ((1 << family.shader.bits) - 1);
            Some((top - offset as u32).max(offset as u32))
        }
        (None, Fields::Other { largest }) => Some(largest as u32),
    };
    let weights = i16::MAX as u32 / (127 * largest.unwrap_or(0).max(1));
    let pairs = PART as u32 / 2 / spans;
    // The largest power of two.
    let fits = 1 << (weights / 2).max(1).ilog2();
    pairs.min(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    #[test]
    fn sums_of_pairs_fit_sixteen_bits() {
        for (format, pairs) in [
            (Format::Q4_0, 16),
            (Format::Q4_1, 8),
            (Format::Q6_K, 4),
            (Format::INT2_ASYM, 16),
            (Format::INT1, 16),
            (Format::IQ4_NL, 1),
            (Format::FP4_E2M1, 8),
            (Format::INT8, 1),
        ] {
            assert_eq!(pairs_added(format.family(), 1), pairs, "{format}");
        }
    }
}

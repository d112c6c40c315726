//! Rounding to the levels of a format with fixed scales, one weight at a time and in any order.
//!
//! A format's encoder chooses scales and codes of a block together. GPTQ keeps the scales and chooses the codes again,
//! so it needs the levels of each weight, which [`Family`](crate::family::Family) provides, and a way to write one
//! code, which it does not: [`CodeBits`] determines it.

mod bits;
#[cfg(test)]
mod tests;

use crate::family::{Affine, Hints, Levels, QuantizeError};
use crate::{Error, Format, Result};
use bits::CodeBits;
use std::ops::Range;

/// The levels of a format, and the places of the codes in a block of a given length.
pub(crate) struct CodeGrid {
    format: Format,
    bits: CodeBits,
    /// Levels in ascending order and the codes that select them.
    levels: Vec<(f32, i8)>,
}

/// One block while its codes are chosen: the encoder's result and its input.
#[derive(Clone, Default)]
pub(crate) struct Fitted {
    /// The affine of each group of the block.
    affines: Vec<Affine>,
    codes: Vec<i8>,
    weights: Vec<f32>,
}

impl CodeGrid {
    /// The grid of blocks of `len` weights.
    ///
    /// # Errors
    /// [`Error::NoEncoder`]; [`Error::Argument`] where the codes are not separate bits.
    pub fn new(format: Format, len: usize) -> Result<CodeGrid> {
        if !format.has_encoder() {
            return Err(Error::NoEncoder {
                format: format.to_string(),
            });
        }
        let bits = CodeBits::find(format, len).map_err(|why| refused(format, why))?;
        let levels = levels(format, &bits);
        Ok(CodeGrid { format, bits, levels })
    }

    /// Lets the encoder choose scales for `weights`, which begin with weight `first` of the block: all of it, or some of
    /// its groups where these are independent. `block` receives its bytes.
    pub fn fit(
        &self,
        first: usize,
        weights: &[f32],
        hints: &Hints,
        block: &mut [u8],
        fitted: &mut Fitted,
    ) -> Result<(), QuantizeError> {
        let (family, len) = (self.format.family(), self.bits.len());
        self.format.encode(first, weights, hints, block)?;
        fitted.weights.resize(len, f32::NAN);
        fitted.weights[first..][..weights.len()].copy_from_slice(weights);
        fitted.codes.resize(len, 0);
        (family.codes)(block, &mut fitted.codes);
        let groups = self.format.group_of(len - 1) + 1;
        fitted.affines.clear();
        fitted.affines.extend((0..groups).map(|g| (family.affine)(block, g)));
        Ok(())
    }

    /// The code for weight `i` of a block, now `w`, and its value: the nearest level, the lower one for a tie. A weight
    /// that has not changed since [`fit`](CodeGrid::fit) keeps the encoder's code, which many formats choose before
    /// they round the scale.
    pub fn round(&self, fitted: &Fitted, i: usize, w: f32) -> (i8, f32) {
        let affine = fitted.affines[self.format.group_of(i)];
        if w == fitted.weights[i] {
            let code = fitted.codes[i];
            return (code, self.value(level(self.format, code), affine));
        }
        let (level, code) = self.nearest(affine, w);
        (code, self.value(level, affine))
    }

    /// Like `round`, for any weight.
    fn nearest(&self, affine: Affine, w: f32) -> (f32, i8) {
        let last = self.levels.len() - 1;
        // With a negative scale the highest level is the lowest weight.
        let place = |i: usize| {
            if affine.scale < 0.0 {
                self.levels[last - i]
            } else {
                self.levels[i]
            }
        };
        let value = |i: usize| self.value(place(i).0, affine);
        // Binary search for the first weight above w.
        let (mut low, mut high) = (0, last + 1);
        while low < high {
            let middle = (low + high) / 2;
            if value(middle) > w {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        place(match low {
            0 => 0,
            above if above > last || w - value(above - 1) <= value(above) - w => above - 1,
            above => above,
        })
    }

    /// Σ importance · |w - rounded|^norm over weights from `first` on, of a block that was fitted to others than these.
    pub fn error(&self, fitted: &Fitted, first: usize, weights: &[f32], importance: Option<&[f32]>, norm: f32) -> f64 {
        let mut sum = 0f64;
        for (i, &w) in weights.iter().enumerate() {
            let affine = fitted.affines[self.format.group_of(first + i)];
            let error = (w - self.value(self.nearest(affine, w).0, affine)).abs();
            let error = if norm == 2.0 { error * error } else { error.powf(norm) };
            sum += (error * importance.map_or(1.0, |importance| importance[i])) as f64;
        }
        sum
    }

    /// Marks weights as changed since [`fit`](CodeGrid::fit).
    pub fn forget(&self, fitted: &mut Fitted, weights: Range<usize>) {
        fitted.weights[weights].fill(f32::NAN);
    }

    /// Writes the code of weight `i`.
    pub fn set(&self, block: &mut [u8], i: usize, code: i8) {
        self.bits.set(block, i, code);
    }

    fn value(&self, level: f32, affine: Affine) -> f32 {
        self.format.family().affine_kind.value(level, affine)
    }
}

/// The level of a code, before scale and offset.
fn level(format: Format, code: i8) -> f32 {
    match format.family().levels {
        Levels::Table(table) => table[code as u8 as usize & (table.len() - 1)],
        Levels::Unsigned => code as u8 as f32,
        _ => code as f32,
    }
}

/// The levels that the encoder uses. Some formats can store one more, which their tools never write: the fourth code of
/// 2-bit ternary weights, -128 in GGUF's Q8_0.
fn levels(format: Format, bits: &CodeBits) -> Vec<(f32, i8)> {
    let (mut least, mut most) = (f32::INFINITY, f32::NEG_INFINITY);
    let len = bits.len();
    let mut codes = vec![0i8; len];
    for probe in probes(format.encoded_span(len).min(len)) {
        let weights: Vec<f32> = probe.iter().cycle().take(len).copied().collect();
        let mut block = vec![0u8; format.bytes_for(weights.len())];
        if format.encode(0, &weights, &Hints::default(), &mut block).is_ok() {
            (format.family().codes)(&block, &mut codes);
            for level in codes.iter().map(|&code| level(format, code)) {
                (least, most) = (least.min(level), most.max(level));
            }
        }
    }
    let levels = bits.codes().map(|code| (level(format, code), code));
    let mut levels: Vec<_> = levels.filter(|(level, _)| (least..=most).contains(level)).collect();
    // Stable, so that the first code of two zeros is kept.
    levels.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal));
    levels.dedup_by(|second, first| second.0 == first.0);
    levels
}

/// Weights for which an encoder uses its lowest and its highest level.
fn probes(len: usize) -> Vec<Vec<f32>> {
    let ramp = |i: usize| 2.0 * i as f32 / (len - 1).max(1) as f32 - 1.0;
    let sign = |i: usize| 1.0 - 2.0 * (i % 2) as f32;
    // With scales that are powers of two, levels depend on the distance of the weights from one.
    let sizes = [1.0, 1.25, 1.5, 1.75, 1.99];
    let of = |shape: &dyn Fn(usize) -> f32| -> Vec<Vec<f32>> {
        let sized = |size: f32| (0..len).map(|i| size * shape(i)).collect();
        sizes.map(sized).into()
    };
    [of(&ramp), of(&|i| -ramp(i)), of(&sign), of(&|i| -sign(i))].concat()
}

fn refused(format: Format, why: String) -> Error {
    Error::argument(
        "the format",
        "one whose codes are separate bits of its blocks",
        format!("{format}: {why}"),
    )
}

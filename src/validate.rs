//! Checks for NaN and infinite scales and weights.

use crate::family::Levels;
use crate::{Error, Matrix, Result, ScaleType, parallel};

impl Matrix<'_> {
    /// Checks that all scales, zero points, biases and weights are finite. Run it once on files of unknown origin: a NaN or
    /// infinite one makes outputs NaN or infinite.
    ///
    /// # Errors
    /// [`Error::BadScale`] for the first that is not finite; `at` names the tensor in it.
    pub fn validate(&self, at: &str) -> Result<()> {
        let family = self.format().family();
        // The largest level; infinite if weights must be checked one by one.
        let largest = match family.levels {
            Levels::Direct(_) => f32::INFINITY,
            Levels::Table(table) => table.iter().fold(0f32, |most, level| {
                if level.is_finite() {
                    most.max(level.abs())
                } else {
                    f32::INFINITY
                }
            }),
            Levels::Signed | Levels::Unsigned => 255.0,
        };
        let check = |row: usize, (codes, weights): &mut (Vec<i8>, Vec<f32>)| {
            let bad = |what: &str, column: usize, value: f32| Error::BadScale {
                at: at.into(),
                what: what.into(),
                row,
                column,
                value,
            };
            let (mut found, mut overflows) = (None, false);
            self.format().for_blocks(self.k(), self.row(row), |start, len, block| {
                // Some formats decode it as a number; the specification and ggml's check treat it as NaN.
                let nan = |&(at, scale): &(usize, ScaleType)| scale == ScaleType::E8M0 && block[at] == 255;
                if family.floats.iter().any(nan) && found.is_none() {
                    found = Some(bad("scale", start, f32::NAN));
                }
                for i in (0..len).step_by(self.format().group_span(len)) {
                    let a = (family.affine)(block, self.format().group_of(i));
                    // Rounding is monotonic: if this is finite, every weight is.
                    let most = largest + a.offset.abs();
                    overflows |= !(a.scale.abs() * most + a.offset.abs()).is_finite();
                    for (what, value) in [("scale", a.scale), ("offset", a.offset)] {
                        if !value.is_finite() && found.is_none() {
                            found = Some(bad(what, start + i, value));
                        }
                    }
                }
            });
            if let (None, true) = (&found, overflows) {
                weights.resize(self.k(), 0.0);
                self.format()
                    .decode_row((row, self.row(row)), self.codebook(), codes, weights);
                if let Some(i) = weights.iter().position(|w| !w.is_finite()) {
                    found = Some(bad("weight", i, weights[i]));
                }
            }
            found.map_or(Ok(()), Err)
        };
        parallel::try_rows(self.n(), Default::default, check)
    }
}

//! Whether what a matrix holds is numbers.

use crate::family::Levels;
use crate::{Error, Matrix, Result, ScaleType, parallel};

impl Matrix<'_> {
    /// Whether every scale, zero point and bias is a finite number, and every weight too: what a file
    /// from elsewhere should be asked once, since one that is not makes outputs infinite or NaN.
    ///
    /// # Errors
    /// [`Error::BadScale`] for the first that is not, `at` naming the tensor.
    pub fn validate(&self, at: &str) -> Result<()> {
        let family = self.format().family();
        // The largest that codes stand for; infinite where weights must be looked at one by one.
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
                // Some formats make a number of it; the specification and ggml's own check do not.
                let nan = |&(at, scale): &(usize, ScaleType)| scale == ScaleType::E8M0 && block[at] == 255;
                if family.floats.iter().any(nan) && found.is_none() {
                    found = Some(bad("scale", start, f32::NAN));
                }
                let group = family.group.clamp(1, len);
                for i in (0..len).step_by(group) {
                    let a = (family.affine)(block, self.format().group_of(i));
                    // Rounding keeps order: where this is finite, every weight is.
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

//! How long a run of rows may be: what fits a binding, and what one dispatch should do.

use crate::shader::axes::FloatType;
use crate::shader::traits::Traits;
use crate::{Error, Result};

/// The largest run of items of so many bytes each that fits `limit`: all of them, or else a
/// multiple of 64, so that every run starts at an offset that is a multiple of 256.
pub(crate) fn run_length(what: &'static str, count: usize, item_bytes: u64, limit: u64) -> Result<usize> {
    let fits = limit / item_bytes.max(1);
    if fits >= count as u64 {
        return Ok(count);
    }
    match fits / 64 * 64 {
        0 => Err(Error::TooLarge {
            what,
            needed: item_bytes.saturating_mul(64.min(count as u64)),
            limit,
        }),
        run => Ok(run as usize),
    }
}

/// Rows of x that one dispatch can multiply well before a system takes the device for hung, by a low
/// estimate of what such a device does, of `column` operations for each. Runs start at offsets that can be
/// bound, and are whole tiles where one tile is not too long: a tile that a cut leaves unfilled costs as much
/// as a full one.
pub(crate) fn run_in_time(traits: &Traits, column: f64, tile: usize, x_row: u64, y_row: u64) -> usize {
    const SECONDS: f64 = 0.1;
    let columns = (SECONDS * traits.least_flops() / column) as usize;
    // The fewest columns whose x and y both end at a multiple of 256 bytes.
    let step = (0..=7)
        .map(|shift| 1usize << shift)
        .find(|step| ((x_row | y_row) * *step as u64).is_multiple_of(256))
        .unwrap_or(128);
    let tile = tile.next_multiple_of(step);
    let whole = if columns >= tile { tile } else { step };
    (columns / whole * whole).max(step)
}

/// As `run_length`; of halves twice as many rows at a time, since an odd number of them in a row would
/// let every other run begin at an offset that is no multiple of 256.
pub(crate) fn run_of(what: &'static str, rows: usize, row: u64, numbers: FloatType, limit: u64) -> Result<usize> {
    match numbers {
        FloatType::F32 => run_length(what, rows, row, limit),
        FloatType::F16 if rows as u64 * row <= limit => Ok(rows),
        FloatType::F16 => Ok(2 * run_length(what, rows.div_ceil(2), 2 * row, limit)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shader::caps::Caps;
    use crate::shader::traits::DeviceClass;

    #[test]
    fn runs_are_whole_or_multiples_of_64() {
        assert_eq!(run_length("x", 1000, 4, 4000), Ok(1000));
        assert_eq!(run_length("x", 1001, 4, 4000), Ok(960));
        assert!(run_length("x", 100, 1 << 20, 1 << 20).is_err());
    }

    /// A processor is taken to multiply 29 rows of x by 4096 x 4096 weights in the time of one dispatch.
    #[test]
    fn dispatches_end_with_whole_tiles() {
        let traits = Traits::typical(DeviceClass::Cpu, Caps::ALL);
        let column = 2.0 * 4096.0 * 4096.0;
        let run = |column, tile, row| run_in_time(&traits, column, tile, row, row);
        assert_eq!(run(column, 1, 16384), 29);
        assert_eq!(run(column, 8, 16384), 24);
        assert_eq!(run(column, 16, 16384), 16);
        // A tile that is too long is left unfilled, and every run starts at a multiple of 256 bytes.
        assert_eq!(run(column, 64, 16384), 29);
        assert_eq!(run(column, 64, 16384 + 64), 28);
        assert_eq!(run(100.0 * column, 8, 16384), 1);
    }
}

//! Units of eight rows next to each other.

use crate::family::{Plane, Unit};
use crate::shader::tuning::INTERLEAVE;

/// Bytes that move from each piece of a row to the piece of an octet with the same number.
#[derive(Clone, Copy)]
struct Move {
    /// Bytes of a piece of the row, and of one row in a piece of the octet.
    pieces: [usize; 2],
    /// Where they begin, in both.
    from: usize,
    at: usize,
    /// Whole units.
    len: usize,
}

/// Puts all units of row `r` of eight into their places among those of its neighbours.
pub(super) fn units(row: &[u8], plane: Plane, r: usize, octet: &mut [u8]) {
    let part = match plane.unit {
        Unit::OddWords => plane.units * plane.unit.bytes(),
        _ => row.len(),
    };
    run(row, [part; 2], (0, part), 0, plane.unit, r, octet);
}

/// Puts runs of bytes of each stored block, as (offset, length), among the units of row `r`. `pieces` are the bytes of a
/// block and of its share of the units; `scratch` has those of a row.
pub(super) fn runs(
    row: &[u8],
    pieces @ [stored, share]: [usize; 2],
    runs: &[(usize, usize)],
    plane: Plane,
    r: usize,
    scratch: &mut [u8],
    octet: &mut [u8],
) {
    let unit = plane.unit.bytes();
    if share.is_multiple_of(unit) && runs.iter().all(|(_, len)| len.is_multiple_of(unit)) {
        let mut at = 0;
        for &(from, len) in runs {
            run(row, pieces, (from, len), at, plane.unit, r, octet);
            at += len;
        }
        return;
    }
    scratch.fill(0);
    for (block, share) in row.chunks(stored).zip(scratch.chunks_mut(share)) {
        let mut at = 0;
        for &(from, len) in runs {
            share[at..at + len].copy_from_slice(&block[from..from + len]);
            at += len;
        }
    }
    units(scratch, plane, r, octet);
}

fn run(row: &[u8], pieces: [usize; 2], (from, len): (usize, usize), at: usize, unit: Unit, r: usize, octet: &mut [u8]) {
    let moved = Move { pieces, from, at, len };
    match unit {
        Unit::Half => moved.units::<2>(row, r, octet),
        Unit::Word => moved.units::<4>(row, r, octet),
        Unit::Vec2 => moved.units::<8>(row, r, octet),
        Unit::Vec4 => moved.units::<16>(row, r, octet),
        // Pairs, but for one word at the end.
        Unit::OddWords => {
            let pairs = Move { len: len - 4, ..moved };
            pairs.units::<8>(row, r, octet);
            let last = Move {
                from: from + len - 4,
                at: at + len - 4,
                len: 4,
                ..moved
            };
            last.units::<4>(row, r, octet);
        }
    }
}

impl Move {
    fn units<const UNIT: usize>(self, row: &[u8], r: usize, octet: &mut [u8]) {
        let Move { pieces, from, at, len } = self;
        let (from, at) = (from..from + len, at * INTERLEAVE..(at + len) * INTERLEAVE);
        let pieces = row
            .chunks(pieces[0])
            .zip(octet.chunks_exact_mut(pieces[1] * INTERLEAVE));
        for (stored, eight) in pieces {
            let units = stored[from.clone()].as_chunks::<UNIT>().0;
            let places = eight[at.clone()].chunks_exact_mut(UNIT * INTERLEAVE);
            for (unit, place) in units.iter().zip(places) {
                place[r * UNIT..][..UNIT].copy_from_slice(unit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Byte `at` of the units of row `r`, by definition.
    fn place(plane: Plane, r: usize, at: usize) -> usize {
        let unit = plane.unit.bytes();
        let eight = |unit: usize, at: usize| at / unit * unit * INTERLEAVE + r * unit + at % unit;
        if plane.unit != Unit::OddWords {
            return eight(unit, at);
        }
        let part = unit * plane.units;
        let (start, pairs) = (at / part * part * INTERLEAVE, part - unit);
        match at % part {
            at if at < pairs => start + eight(2 * unit, at),
            at => start + pairs * INTERLEAVE + eight(unit, at - pairs),
        }
    }

    #[test]
    fn every_byte_is_in_its_place() {
        // 46 bytes for each block, of which 30 become 32 bytes of units, some of whole units and some not.
        let blocks: Vec<u8> = (0..INTERLEAVE * 5 * 46).map(|i| (i * 7 + i / 256) as u8).collect();
        for (unit, units) in [(Unit::Half, 16), (Unit::Word, 8), (Unit::Vec2, 4), (Unit::Vec4, 2)] {
            let plane = Plane { unit, units, per: 32 };
            for moved in [
                &[(30, 16), (2, 16)][..],
                &[(30, 14), (2, 16)],
                &[(7, 1), (3, 2), (9, 20)],
            ] {
                let (mut octet, mut scratch) = (vec![0; INTERLEAVE * 5 * 32], vec![0xff; 5 * 32]);
                for (r, row) in blocks.chunks(5 * 46).enumerate() {
                    runs(row, [46, 32], moved, plane, r, &mut scratch, &mut octet);
                }
                for (r, row) in blocks.chunks(5 * 46).enumerate() {
                    for (block, row) in row.chunks(46).enumerate() {
                        let mut bytes: Vec<u8> = moved
                            .iter()
                            .flat_map(|&(at, len)| &row[at..at + len])
                            .copied()
                            .collect();
                        bytes.resize(32, 0);
                        for (at, byte) in bytes.into_iter().enumerate() {
                            let place = place(plane, r, 32 * block + at);
                            assert_eq!(
                                octet[place], byte,
                                "{plane:?}, {moved:?}, row {r}, block {block}, byte {at}"
                            );
                        }
                    }
                }
            }
        }
        let plane = Plane {
            unit: Unit::OddWords,
            units: 5,
            per: 32,
        };
        let rows: Vec<u8> = (0..INTERLEAVE * 60).map(|i| (i * 7 + i / 256) as u8).collect();
        let mut octet = vec![0; rows.len()];
        for (r, row) in rows.chunks(60).enumerate() {
            units(row, plane, r, &mut octet);
        }
        for (r, row) in rows.chunks(60).enumerate() {
            for (at, &byte) in row.iter().enumerate() {
                assert_eq!(octet[place(plane, r, at)], byte, "row {r}, byte {at}");
            }
        }
    }
}

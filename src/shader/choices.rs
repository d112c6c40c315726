//! Which file fills each slot of a shader.

use super::compose::Composition;
use super::factors;
use super::integers;
use super::kernels::{File, Shape, text};
use super::tuning::{LEVELS_BYTES, Lookup, PAIRS_BYTES};
use crate::family::{AffineKind, Decode, Family, Levels, PART, Plane, Table, Unit};

impl Composition<'_> {
    pub fn files(&self) -> Vec<File> {
        let mut files = vec![text!("params.wgsl"), text!("prelude.wgsl")];
        files.extend(self.planes());
        files.extend(self.codes());
        files.extend(self.levels_and_weights());
        match self.kernel.shape {
            Shape::Product => files.extend(self.product()),
            Shape::IndexedRows => files.push(text!("rows/indexed.wgsl")),
            Shape::AllRows => files.push(text!("rows/all.wgsl")),
            Shape::Inspect => {}
        }
        files.extend_from_slice(self.kernel.text);
        files
    }

    /// Whether levels are made by way of halves.
    fn halves(&self) -> bool {
        self.tuning.halves && self.family.shader.decode == Decode::Minifloat
    }

    /// Where this kernel looks up levels or points, if the format has a table of them.
    fn lookup(&self) -> Option<Lookup> {
        let bytes = self.kernel.takes_bytes();
        let (size, shuffled) = match self.family.shader.decode {
            Decode::Table if bytes => (PAIRS_BYTES, false),
            Decode::Table => (LEVELS_BYTES, true),
            Decode::Lattice { points, bytes } => (points * bytes, false),
            _ => return None,
        };
        Some(match self.tuning.lookup {
            _ if !self.kernel.begins() => Lookup::Selects,
            Lookup::Subgroup if shuffled => Lookup::Subgroup,
            Lookup::Memory if size <= self.tuning.spare => Lookup::Memory,
            _ => Lookup::Selects,
        })
    }

    /// Whether codes, signed bytes, are held 128 higher: where they are made into floats anyway.
    pub fn raised(&self) -> bool {
        let lattice = matches!(self.family.shader.decode, Decode::Lattice { .. });
        lattice && self.lookup() == Some(Lookup::Memory) && !self.kernel.takes_bytes()
    }

    /// How planes are read, and of which matrix.
    fn planes(&self) -> Vec<File> {
        let long = self.tuning.long_words;
        let mut files = vec![code_plane(self.family.code_plane.unit, long)];
        files.extend(self.axes.places());
        files.push(match self.format.scale_plane().unit {
            Unit::Half => text!("scales/half.wgsl"),
            Unit::Vec2 if long => text!("scales/long.wgsl"),
            Unit::Vec4 if long => text!("scales/long_pair.wgsl"),
            _ => text!("scales/words.wgsl"),
        });
        files.push(match self.hold() {
            Some(_) => text!("scales/held.wgsl"),
            None => text!("scales/read.wgsl"),
        });
        files
    }

    /// Stored fields, and the codes of the format.
    fn codes(&self) -> Vec<File> {
        let shader = &self.family.shader;
        let mut files = vec![text!("codes/unpack.wgsl")];
        if shader.decode != Decode::Unpacked {
            files.extend(stored_codes(shader.bits));
        }
        files.extend(match self.family.table {
            Table::None => None,
            Table::Fixed(_) | Table::Codebook(_) => Some(text!("codes/looked_up.wgsl")),
            Table::Pairs => Some(text!("codes/looked_up_pairs.wgsl")),
        });
        files.extend(match shader.decode {
            Decode::Offset | Decode::Unpacked => Some(text!("codes/offset.wgsl")),
            Decode::Signs => Some(text!("codes/signs.wgsl")),
            Decode::Minifloat if self.halves() => Some(text!("levels/minifloat_halves.wgsl")),
            Decode::Minifloat => Some(text!("levels/minifloat.wgsl")),
            Decode::Own | Decode::Table | Decode::Lattice { .. } => None,
        });
        let lattice = matches!(shader.decode, Decode::Lattice { .. });
        files.extend(self.lookup().map(|lookup| match lookup {
            Lookup::Memory if lattice => text!("codes/points_memory.wgsl"),
            _ if lattice => text!("codes/points_read.wgsl"),
            // Levels are then bytes: integers/table_memory.wgsl.
            _ if self.kernel.takes_bytes() => text!("levels/table.wgsl"),
            Lookup::Selects => text!("levels/table.wgsl"),
            Lookup::Subgroup => text!("levels/table_subgroup.wgsl"),
            Lookup::Memory => text!("levels/table_memory.wgsl"),
        }));
        files.extend_from_slice(shader.files);
        files
    }

    fn levels_and_weights(&self) -> Vec<File> {
        let mut files = Vec::new();
        let prepared = matches!(self.lookup(), Some(Lookup::Subgroup | Lookup::Memory));
        if self.kernel.begins() && !prepared {
            files.push(text!("levels/begin.wgsl"));
        }
        files.extend_from_slice(levels(self.family, self.raised()));
        files.push(match self.family.affine_kind {
            AffineKind::Scale if self.halves() => text!("affine/scale_unit.wgsl"),
            AffineKind::Scale => text!("affine/scale.wgsl"),
            AffineKind::ScaleBias if self.family.has_wide_scales() => {
                text!("affine/scale_bias_f32.wgsl")
            }
            AffineKind::ScaleBias => text!("affine/scale_bias.wgsl"),
            AffineKind::ScaleZero { .. } => text!("affine/scale_zero.wgsl"),
        });
        files
    }

    /// x, what meets it, and y.
    fn product(&self) -> Vec<File> {
        let (family, tuning) = (self.family, self.tuning);
        let mut files = Vec::new();
        if self.kernel.takes_bytes() {
            files.extend(integers::of(family, self.lookup() == Some(Lookup::Memory)));
            files.extend([factors::centre(family), integers::sums(family)]);
            files.extend(self.kernel.pairs.then(|| integers::pairs(family)));
            files.push(text!("inputs/bytes.wgsl"));
        } else {
            files.push(self.axes.input(self.whole, tuning.long_words));
            if let Some((lane_n, lane_m)) = tuning.lane {
                files.push(factors::centre(family));
                files.extend(factors::of(family, self.halves(), lane_n, lane_m));
            }
        }
        files.extend(tuning.parts());
        files.extend(self.axes.output());
        files.push(self.axes.gate());
        files
    }
}

/// The snippet that unpacks codes of this many bits.
fn stored_codes(bits: usize) -> Option<File> {
    Some(match bits {
        0 => return None,
        1 => text!("codes/bits1.wgsl"),
        2 => text!("codes/bits2.wgsl"),
        3 => text!("codes/bits3.wgsl"),
        4 => text!("codes/bits4.wgsl"),
        5 => text!("codes/bits5.wgsl"),
        6 => text!("codes/bits6.wgsl"),
        7 => text!("codes/bits7.wgsl"),
        _ => text!("codes/bits8.wgsl"),
    })
}

/// Parts that one unit of a scale plane serves, where holding it pays.
pub(super) fn held_parts(plane: Plane) -> Option<u32> {
    match plane {
        Plane { units: 1, per: 0, .. } => Some(u32::MAX),
        Plane { units: 1, per, .. } if per >= 4 * PART && per.is_multiple_of(PART) => Some((per / PART) as u32),
        _ => None,
    }
}

/// How codes become numbers.
fn levels(family: &Family, raised: bool) -> &'static [File] {
    const EACH: File = text!("levels/each_centred.wgsl");
    const OF_CODES: File = text!("levels/centred_of_codes.wgsl");
    const LINEAR: File = text!("levels/linear.wgsl");
    const FIELDS: &[File] = &[text!("levels/fields.wgsl"), EACH, LINEAR];
    match (family.levels, family.shader.decode) {
        (Levels::Signed, Decode::Offset) => match family.shader.bits {
            2 => &[text!("levels/stored2.wgsl"), LINEAR],
            4 => &[text!("levels/stored4.wgsl"), LINEAR],
            8 => &[text!("levels/codes.wgsl"), EACH, OF_CODES, LINEAR],
            _ => FIELDS,
        },
        (Levels::Signed, Decode::Unpacked) => FIELDS,
        (Levels::Signed, Decode::Signs) => &[text!("levels/signs.wgsl"), LINEAR],
        (Levels::Signed, _) if raised => &[text!("levels/raised.wgsl"), EACH, OF_CODES, LINEAR],
        (Levels::Signed, _) => &[text!("levels/codes.wgsl"), EACH, OF_CODES, LINEAR],
        (Levels::Unsigned, _) => &[text!("levels/bytes.wgsl"), EACH, OF_CODES, LINEAR],
        // The format's own files say what a level is.
        (Levels::Table(_), _) => &[text!("levels/each.wgsl"), text!("levels/of_codes.wgsl")],
        (Levels::Direct(_), _) => &[text!("levels/direct.wgsl")],
    }
}

/// How the code plane is read.
fn code_plane(unit: Unit, long_words: bool) -> File {
    match unit {
        Unit::Half | Unit::Word => text!("planes/words.wgsl"),
        Unit::OddWords if long_words => text!("planes/long_odd_words.wgsl"),
        Unit::OddWords => text!("planes/odd_words.wgsl"),
        Unit::Vec2 if long_words => text!("planes/long.wgsl"),
        Unit::Vec4 if long_words => text!("planes/long_pair.wgsl"),
        Unit::Vec2 | Unit::Vec4 => text!("planes/units.wgsl"),
    }
}

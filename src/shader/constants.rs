//! The numbers that are printed before the files of a shader.

use super::choices::held_parts;
use super::compose::Composition;
use super::integers;
use super::kernels::{INTERLEAVE, Shape};
use crate::Group;
use crate::family::{AffineKind, Decode, Fields, PART, span_of};

impl Composition<'_> {
    /// Runs of a part that have an affine of their own.
    pub fn spans(&self) -> u32 {
        (PART / span_of(self.format.group())) as u32
    }

    /// Parts that lanes hold a unit of scales for.
    pub fn hold(&self) -> Option<u32> {
        held_parts(self.format.scale_plane()).filter(|_| self.tuning.holds_scales)
    }

    pub fn consts(&self) -> Vec<(&'static str, u32)> {
        let (tuning, spans) = (self.tuning, self.spans());
        let mut consts = self.layout();
        // Columns that meet all rows of a lane at once. By twos, what a processor holds beside them fits its
        // registers.
        consts.push(("BLOCK", tuning.tile_cols.min(2)));
        // At most 16 products, and then the sums of at most 10 parts, are added one after the other; of exact sums
        // of integers 16.
        let exact = self.kernel.takes_bytes();
        let stretch = if exact { 16 / spans } else { 10 };
        consts.extend([("CHAINS", 2 / spans.min(2)), ("STRETCH", stretch)]);
        if self.kernel.shape == Shape::Product {
            consts.extend([("TILE_ROWS", tuning.tile_rows), ("TILE_COLS", tuning.tile_cols)]);
        }
        consts.extend(self.decoding());
        if let Some((rows, cols)) = tuning.lane {
            consts.extend([("ROWS", rows), ("COLS", cols)]);
        }
        consts.extend_from_slice(&tuning.consts);
        consts.push(("HOLD", self.hold().unwrap_or(1)));
        if self.kernel.pairs {
            consts.push(("RUN", integers::run(self.family, spans)));
        }
        consts
    }

    /// How weights lie in their planes, and who works on them.
    fn layout(&self) -> Vec<(&'static str, u32)> {
        let plane = self.family.code_plane;
        let group = match self.format.group() {
            Group::Len(len) => len as u32,
            _ => u32::MAX,
        };
        vec![
            ("INTERLEAVE", INTERLEAVE as u32),
            ("PART", PART as u32),
            ("GROUP", group),
            ("SPANS", self.spans()),
            ("SLICES", self.axes.slices),
            ("WORKGROUP", self.tuning.workgroup),
            ("UNITS", plane.units as u32),
            ("UNIT_PARTS", (plane.per / PART) as u32),
        ]
    }

    /// What codes and levels are counted from, and the format's own.
    fn decoding(&self) -> Vec<(&'static str, u32)> {
        let shader = &self.family.shader;
        let base = match self.family.affine_kind {
            AffineKind::ScaleZero { base } => base as u32,
            _ => 0,
        };
        let mut consts = vec![("LEVEL_BASE", base)];
        if shader.decode == Decode::Offset {
            let offset = match shader.fields {
                Fields::Linear { step: 1, offset } => offset,
                _ => 0,
            };
            consts.push(("CODE_OFFSET", offset.into()));
        }
        consts.extend_from_slice(shader.consts);
        consts
    }
}

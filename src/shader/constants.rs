//! The numbers that are printed before the files of a shader.

use super::choices::held_parts;
use super::compose::Composition;
use super::integers;
use super::kernels::Shape;
use super::tuning::{INTERLEAVE, Lookup};
use crate::Group;
use crate::family::{AffineKind, Decode, Fields, PART, span_of};

impl Composition<'_> {
    /// Spans in a part.
    pub fn spans(&self) -> u32 {
        (PART / span_of(self.format.group())) as u32
    }

    /// Parts that a held unit of the scale plane serves; none where lanes hold no units.
    pub fn hold(&self) -> Option<u32> {
        held_parts(self.format.scale_plane()).filter(|_| self.tuning.holds_scales)
    }

    pub fn consts(&self) -> Vec<(&'static str, u32)> {
        let (tuning, spans) = (self.tuning, self.spans());
        let mut consts = self.layout();
        // Rows of x that meet all of a lane's rows of W in one pass: with two, all that a processor holds fits its
        // registers.
        consts.push(("PASS_M", tuning.tile_m.min(2)));
        // At most 16 products, and then the sums of at most 10 parts, are added plainly; sums of integers are exact, so
        // that 16 of them are.
        let exact = self.kernel.takes_bytes();
        let stretch = if exact { 16 / spans } else { 10 };
        consts.extend([("CHAINS", 2 / spans.min(2)), ("STRETCH", stretch)]);
        if self.kernel.shape == Shape::Product {
            consts.extend([("TILE_N", tuning.tile_n), ("TILE_M", tuning.tile_m)]);
            consts.push(("GATED", self.axes.is_gated().into()));
            let shares = tuning.memory > 0 || tuning.lookup == Lookup::Memory;
            consts.push(("SHARES", shares.into()));
        }
        consts.extend(self.decoding());
        if let Some((lane_n, lane_m)) = tuning.lane {
            consts.extend([("LANE_N", lane_n), ("LANE_M", lane_m)]);
        }
        consts.extend_from_slice(&tuning.consts);
        consts.push(("HOLD", self.hold().unwrap_or(1)));
        if self.kernel.pairs {
            consts.push(("PAIRS_ADDED", integers::pairs_added(self.family, spans)));
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
        if matches!(shader.decode, Decode::Offset | Decode::Unpacked) {
            let offset = match shader.fields {
                Fields::Linear { step: 1, offset } => offset,
                _ => 0,
            };
            consts.push(("CODE_OFFSET", offset.into()));
        }
        if let Decode::Lattice { points, .. } = shader.decode {
            let raised = if self.raised() { 0x8080_8080 } else { 0 };
            consts.extend([("RAISED", raised), ("POINTS", points)]);
        }
        consts.extend_from_slice(shader.consts);
        consts
    }
}

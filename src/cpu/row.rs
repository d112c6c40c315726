//! One unpacked row of a matrix: its codes, and the scale and offset of each span.

use super::plan::{BASE_ZERO, Codes, Plan};
use crate::family::Spans;
use crate::simd::at_level;
use fearless_simd::{Level, i8x64, prelude::*, u8x64};

/// Codes are padded with zeros to a multiple of this.
pub(super) const STEP: usize = 64;

/// The buffers of a worker, filled for one row after another.
pub(super) struct Row {
    /// Signed integers: codes, their entries in a table, or unsigned codes minus 128.
    pub codes: Vec<i8>,
    /// One for each span, then enough zeros that 16 can be read from any of them.
    pub scales: Vec<f32>,
    /// As many, or none where the format has no offsets.
    pub offsets: Vec<f32>,
    /// As many (see `centre.rs`), or none where the codes themselves are centred.
    pub middles: Vec<f32>,
}

impl Row {
    pub fn new(plan: &Plan) -> Row {
        let padded = plan.k.next_multiple_of(STEP);
        let spans = padded / plan.span + 16;
        Row {
            codes: vec![0; padded],
            scales: vec![0.0; spans],
            offsets: vec![0.0; if plan.has_offsets() { spans } else { 0 }],
            middles: vec![0.0; if plan.centred() == BASE_ZERO { spans } else { 0 }],
        }
    }

    /// Unpacks row `number` of the matrix.
    pub fn unpack(&mut self, plan: &Plan, number: usize) {
        let matrix = plan.matrix;
        let (format, row) = (matrix.format(), matrix.row(number));
        let family = format.family();
        let count = plan.k.div_ceil(plan.span);
        let used = if plan.has_offsets() { count } else { 0 };
        if let Some(unpack) = format.unpack(plan.k) {
            let spans = Spans {
                codes: &mut self.codes[..plan.k],
                scales: &mut self.scales[..count],
                offsets: &mut self.offsets[..used],
            };
            unpack(plan.level, format.group(), row, spans);
        } else {
            format.row_codes(row, &mut self.codes[..plan.k]);
            format.for_blocks(plan.k, row, |start, len, block| {
                for at in (start..start + len).step_by(plan.span) {
                    let a = (family.affine)(block, format.group_of(at - start));
                    self.scales[at / plan.span] = a.scale;
                    if plan.has_offsets() {
                        self.offsets[at / plan.span] = a.offset;
                    }
                }
            });
        }
        match plan.codes {
            Codes::Whole(levels, factor) => {
                look_up(plan.level, &levels, &mut self.codes);
                self.codes[plan.k..].fill(0);
                if factor != 1.0 {
                    self.scales.iter_mut().for_each(|scale| *scale *= factor);
                }
            }
            Codes::Unsigned => {
                let used = &mut self.codes[..plan.k];
                used.iter_mut().for_each(|code| *code ^= i8::MIN);
            }
            _ => {}
        }
    }
}

/// Replaces each code by its entry in a table.
fn look_up(level: Level, table: &[i8; 16], codes: &mut [i8]) {
    at_level!(level, simd => {
        let table = i8x64::block_splat((*table).simd_into(simd));
        for codes in codes.as_chunks_mut::<STEP>().0 {
            let at: u8x64<_> = i8x64::simd_from(simd, *codes).bitcast();
            *codes = table.swizzle_dyn_within_blocks(at).into();
        }
    })
}

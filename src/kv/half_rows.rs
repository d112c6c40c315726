//! Vectors of f16, two in a word, the first in the low half.

use super::packing::{KvShader, RowPacking};
use crate::shader::text;
use crate::{Error, Result};
use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};

pub(super) struct Halves {
    pub d: usize,
}

/// Rounds to nearest, ties to even; an error where the result would be infinite.
pub(super) fn encode(x: &[f32], words: &mut [u32]) -> Result<()> {
    for (i, &x) in x.iter().enumerate() {
        let half = f16::from_f32(x);
        if !half.is_finite() {
            return Err(Error::ScaleRange {
                format: "f16".into(),
                value: x,
                limit: f16::MAX.to_f32(),
            });
        }
        words[i / 2] |= u32::from(half.to_bits()) << (16 * (i % 2));
    }
    Ok(())
}

pub(super) fn get(words: &[u32], i: usize) -> f32 {
    f16::from_bits((words[i / 2] >> (16 * (i % 2))) as u16).to_f32()
}

impl RowPacking for Halves {
    fn words(&self) -> usize {
        self.d.div_ceil(2)
    }

    fn width(&self) -> usize {
        self.d
    }

    fn encode(&self, x: &[f32], words: &mut [u32]) -> Result<()> {
        encode(x, words)
    }

    fn levels(&self, words: &[u32], levels: &mut [f32]) {
        if cfg!(target_endian = "little") {
            // Many at a time, by the processor's instruction where it has one.
            let halves: &[u16] = bytemuck::cast_slice(words);
            let halves: &[f16] = halves[..levels.len()].reinterpret_cast();
            return halves.convert_to_f32_slice(levels);
        }
        for (i, level) in levels.iter_mut().enumerate() {
            *level = get(words, i);
        }
    }

    fn shader(&self) -> KvShader {
        KvShader {
            levels: &[text!("kv/f16.wgsl")],
            encode: &[text!("kv/half.wgsl"), text!("kv/f16_encode.wgsl")],
            consts: vec![],
            codebook: vec![],
            projection: vec![],
        }
    }
}

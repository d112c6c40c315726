//! Vectors in GGUF's Q8_0 and Q4_0, by the formats' own encoders. The blocks of a vector are split, so that words are
//! whole: first all codes, then all scales (f16, two in a word).

use super::packing::{KvShader, RowPacking};
use crate::family::Hints;
use crate::formats::f16 as halves;
use crate::shader::{File, text};
use crate::{Format, Result};

const BLOCK: usize = 32;

pub(super) struct BlockRows {
    format: Format,
    d: usize,
    /// Bits of a code: 8, or 4.
    bits: usize,
}

impl BlockRows {
    pub fn new(bits: usize, d: usize) -> Result<BlockRows> {
        let format = match bits {
            8 => Format::Q8_0,
            _ => Format::Q4_0,
        };
        format.row_bytes(d)?;
        Ok(BlockRows { format, d, bits })
    }

    /// The bytes of a block's codes.
    fn code_bytes(&self) -> usize {
        self.bits * BLOCK / 8
    }

    fn code_words(&self) -> usize {
        self.d / BLOCK * self.code_bytes() / 4
    }
}

impl RowPacking for BlockRows {
    fn words(&self) -> usize {
        self.code_words() + (self.d / BLOCK).div_ceil(2)
    }

    fn width(&self) -> usize {
        self.d
    }

    fn encode(&self, x: &[f32], words: &mut [u32]) -> Result<()> {
        let (codes, scales) = words.split_at_mut(self.code_words());
        let hints = Hints::default();
        let mut block = vec![0; 2 + self.code_bytes()];
        for (b, x) in x.chunks_exact(BLOCK).enumerate() {
            (self.format.family().quantize)(x, &hints, &mut block).map_err(|e| e.of(self.format))?;
            let scale = u16::from_le_bytes([block[0], block[1]]);
            scales[b / 2] |= u32::from(scale) << (16 * (b % 2));
            let first = b * self.code_bytes() / 4;
            for (word, bytes) in codes[first..].iter_mut().zip(block[2..].chunks_exact(4)) {
                *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
        }
        Ok(())
    }

    fn levels(&self, words: &[u32], levels: &mut [f32]) {
        let (codes, scales) = words.split_at(self.code_words());
        for (b, levels) in levels.chunks_exact_mut(BLOCK).enumerate() {
            let scale = (scales[b / 2] >> (16 * (b % 2))) as u16;
            let scale = halves::load(&scale.to_le_bytes(), 0);
            let first = b * self.code_bytes();
            let byte = |i: usize| (codes[(first + i) / 4] >> (8 * (i % 4))) as u8;
            for (i, level) in levels.iter_mut().enumerate() {
                let code = match self.bits {
                    8 => byte(i) as i8,
                    _ => (byte(i % 16) >> (i / 16 * 4) & 15) as i8 - 8,
                };
                *level = scale * f32::from(code);
            }
        }
    }

    fn shader(&self) -> KvShader {
        const HALF: File = text!("kv/half.wgsl");
        let (levels, encode): (&[File], &[File]) = match self.bits {
            8 => (&[text!("kv/q8_0.wgsl")], &[HALF, text!("kv/q8_0_encode.wgsl")]),
            _ => (&[text!("kv/q4_0.wgsl")], &[HALF, text!("kv/q4_0_encode.wgsl")]),
        };
        KvShader {
            levels,
            encode,
            consts: vec![("CODE_WORDS", self.code_words() as u32)],
            codebook: vec![],
            projection: vec![],
        }
    }
}

//! The bits of a block that hold the code of each weight, determined by flipping bits.
//!
//! Formats decode bits to codes but do not define the inverse. A bit whose flip changes one code belongs to that
//! weight; one that changes none belongs to a scale; where one changes several (lattices, five ternary codes in a
//! byte), codes cannot be chosen one by one.

use crate::Format;
use crate::family::{Blocks, Levels};
use crate::random::SplitMix64;

/// The most bits of a code.
const MOST: usize = 8;

pub(super) struct CodeBits {
    /// The bits of each weight, counted from the lowest bit of the first byte: `per` for each.
    places: Vec<u32>,
    per: usize,
    /// The pattern of those bits for each code, as a byte; `None` for codes that do not exist.
    patterns: [Option<u8>; 256],
}

impl CodeBits {
    /// The bits of blocks of `len` weights, or the reason why codes cannot be chosen one by one.
    pub fn find(format: Format, len: usize) -> Result<CodeBits, String> {
        let family = format.family();
        if matches!(family.levels, Levels::Direct(_)) {
            return Err("it has no integer codes".into());
        }
        let bytes = format.bytes_for(len);
        let mut owners = vec![None::<usize>; 8 * bytes];
        // Some bits have an effect only together with others, such as the sign of a zero, so several blocks are tried.
        for mut block in blocks(bytes) {
            let mut codes = vec![0i8; len];
            (family.codes)(&block, &mut codes);
            let mut flipped = codes.clone();
            for (bit, owner) in owners.iter_mut().enumerate() {
                flip(&mut block, bit);
                (family.codes)(&block, &mut flipped);
                flip(&mut block, bit);
                if flipped == codes {
                    continue;
                }
                let changed = |i: &usize| flipped[*i] != codes[*i];
                let mut weights = (0..len).filter(changed);
                let (first, second) = (weights.next(), weights.next());
                if second.is_some() || (owner.is_some() && *owner != first) {
                    return Err(format!("bit {bit} of a block is part of several codes"));
                }
                *owner = first;
            }
        }
        let bits = CodeBits::of(&owners, len)?;
        let bits = bits.with_patterns(format, len)?;
        check_scales(format, len, &owners)?;
        Ok(bits)
    }

    fn of(owners: &[Option<usize>], len: usize) -> Result<CodeBits, String> {
        let mut found = vec![Vec::new(); len];
        for (bit, owner) in owners.iter().enumerate() {
            if let Some(weight) = owner {
                found[*weight].push(bit as u32);
            }
        }
        let per = found[0].len();
        if per == 0 || per > MOST || found.iter().any(|f| f.len() != per) {
            return Err(format!("its codes are not all of one number of bits, 1 to {MOST}"));
        }
        Ok(CodeBits {
            places: found.concat(),
            per,
            patterns: [None; 256],
        })
    }

    /// Finds the pattern of each code, which is the same for all weights.
    fn with_patterns(mut self, format: Format, len: usize) -> Result<CodeBits, String> {
        let mut codes = vec![0i8; len];
        for mut block in blocks(format.bytes_for(len)) {
            for pattern in 0..1u16 << self.per {
                let pattern = pattern as u8;
                for i in 0..len {
                    self.write(&mut block, i, pattern);
                }
                (format.family().codes)(&block, &mut codes);
                if codes.iter().any(|c| *c != codes[0]) {
                    return Err("the same bits are not the same code for all weights".into());
                }
                let place = &mut self.patterns[codes[0] as u8 as usize];
                *place = Some(place.unwrap_or(pattern));
            }
        }
        Ok(self)
    }

    /// Weights of a block.
    pub fn len(&self) -> usize {
        self.places.len() / self.per
    }

    /// All codes that have a pattern.
    pub fn codes(&self) -> impl Iterator<Item = i8> + '_ {
        (0..=255u8)
            .filter(|&code| self.patterns[code as usize].is_some())
            .map(|code| code as i8)
    }

    /// Writes a code, which must be one of [`codes`](CodeBits::codes).
    pub fn set(&self, block: &mut [u8], i: usize, code: i8) {
        if let Some(pattern) = self.patterns[code as u8 as usize] {
            self.write(block, i, pattern);
        }
    }

    fn write(&self, block: &mut [u8], i: usize, pattern: u8) {
        let places = &self.places[i * self.per..][..self.per];
        for (b, &place) in places.iter().enumerate() {
            let (byte, shift) = (place as usize / 8, place % 8);
            block[byte] = block[byte] & !(1 << shift) | (pattern >> b & 1) << shift;
        }
    }
}

/// Checks that no code is part of a scale, and that each byte belongs to a code or a scale: other bytes are derived
/// from the codes (the sums of Q8_1 and Q8_K) and would become stale.
fn check_scales(format: Format, len: usize, owners: &[Option<usize>]) -> Result<(), String> {
    let groups = match format.family().blocks {
        // A short block has the scales of all its groups.
        Blocks::Groups { groups, .. } => groups,
        _ => format.group_of(len - 1) + 1,
    };
    let affines = |block: &[u8]| -> Vec<(u32, u32)> {
        let affine = |g| (format.family().affine)(block, g);
        let number = |g| (affine(g).scale.to_bits(), affine(g).offset.to_bits());
        (0..groups).map(number).collect()
    };
    let mut is_scale = vec![false; owners.len()];
    for mut block in blocks(format.bytes_for(len)) {
        let before = affines(&block);
        for (bit, owner) in owners.iter().enumerate() {
            if owner.is_none() {
                flip(&mut block, bit);
                is_scale[bit] |= affines(&block) != before;
                flip(&mut block, bit);
            }
        }
        for (bit, owner) in owners.iter().enumerate() {
            if owner.is_some() {
                flip(&mut block, bit);
            }
        }
        if affines(&block) != before {
            return Err("some of its bits are part of a code and of a scale".into());
        }
    }
    let unused = |bit: usize| owners[bit].is_none() && !is_scale[bit];
    match (0..owners.len() / 8).find(|byte| (8 * byte..8 * byte + 8).all(unused)) {
        Some(byte) => Err(format!("byte {byte} of a block follows from its codes")),
        None => Ok(()),
    }
}

/// Blocks whose bits are flipped: all zeros, all ones, and some at random.
fn blocks(bytes: usize) -> Vec<Vec<u8>> {
    let mut random = SplitMix64::new(bytes as u64);
    let mut blocks = vec![vec![0u8; bytes], vec![255u8; bytes]];
    for _ in 0..4 {
        blocks.push((0..bytes).map(|_| random.bits() as u8).collect());
    }
    blocks
}

fn flip(block: &mut [u8], bit: usize) {
    block[bit / 8] ^= 1 << (bit % 8);
}

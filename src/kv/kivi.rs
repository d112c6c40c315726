//! KIVI (Liu et al., KIVI: A Tuning-Free Asymmetric 2bit Quantization for KV Cache, 2024, arXiv 2402.02750): codes
//! of `bits` bits, x ≈ code · scale + minimum. Scale and minimum are f16 in one word before the codes of their group.
//!
//! Keys: one channel of `group` tokens is a group. New tokens are f16; once there are R of them, all become codes
//! (algorithm 1 of the paper). Values: `group` consecutive channels of one token are a group; the last R tokens are
//! f16, and older ones become codes one by one.

use super::options::Side;
use super::packing::KvShader;
use super::{bits, half_rows};
use crate::shader::{File, text};
use crate::{Error, Result};
use half::f16;
use std::collections::VecDeque;

/// The longest f16 window, so that its size in words cannot overflow.
const MOST: usize = 1 << 16;

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    d: usize,
    bits: u32,
    group: usize,
    residual: usize,
    side: Side,
}

impl Settings {
    pub fn new(d: usize, bits: u32, group: usize, residual: usize, side: Side) -> Result<Self> {
        let refuse = |what, allowed: String, got: usize| {
            let got = got.to_string();
            Err(Error::Argument { what, allowed, got })
        };
        if !(2..=8).contains(&bits) {
            return refuse("the bits of a KIVI cache", "2 to 8".into(), bits as usize);
        }
        let divides = match side {
            Side::Keys => residual,
            Side::Values => d,
        };
        if group == 0 || !divides.is_multiple_of(group) {
            let allowed = match side {
                Side::Keys => format!("a divisor of the residual of {residual} tokens"),
                Side::Values => format!("a divisor of d = {d}"),
            };
            return refuse("the group of a KIVI cache", allowed, group);
        }
        if !(1..=MOST).contains(&residual) {
            let what = "the residual of a KIVI cache in tokens";
            return refuse(what, format!("1 to {MOST}"), residual);
        }
        Ok(Settings {
            d,
            bits,
            group,
            residual,
            side,
        })
    }

    /// Words of a group.
    fn words(&self) -> usize {
        1 + bits::words(self.group, self.bits)
    }

    /// The number of tokens among `len` that are codes.
    pub fn packed(&self, len: usize) -> usize {
        match self.side {
            Side::Keys => len / self.residual * self.residual,
            Side::Values => len.saturating_sub(self.residual),
        }
    }

    /// Tokens that become codes together.
    pub fn step(&self) -> usize {
        match self.side {
            Side::Keys => self.group,
            Side::Values => 1,
        }
    }

    /// The words of a cache of `capacity` tokens on the device: the recent tokens, then groups.
    pub fn device_words(&self, capacity: usize) -> usize {
        let groups = (capacity * self.d).div_ceil(self.group);
        self.residual * self.d.div_ceil(2) + groups * self.words()
    }

    pub fn shader(&self) -> KvShader {
        const LAYOUT: File = text!("kv/kivi.wgsl");
        const HALF: File = text!("kv/half.wgsl");
        KvShader {
            levels: &[LAYOUT, text!("kv/kivi_levels.wgsl")],
            encode: &[LAYOUT, HALF],
            consts: vec![
                ("BITS", self.bits),
                ("GROUP", self.group as u32),
                ("GROUP_WORDS", self.words() as u32),
                ("RESIDUAL", self.residual as u32),
                ("KEYS", u32::from(self.side == Side::Keys)),
            ],
            codebook: vec![],
            projection: vec![],
        }
    }

    pub fn bits_per_element(&self) -> f64 {
        32.0 * self.words() as f64 / self.group as f64
    }

    /// Packs the numbers of one group.
    fn encode(&self, x: impl Iterator<Item = f32> + Clone, words: &mut [u32]) {
        let (low, high) = x.clone().fold((f32::MAX, f32::MIN), |(l, h), x| (l.min(x), h.max(x)));
        let top = ((1u32 << self.bits) - 1) as f32;
        // Codes are chosen for scale and minimum as stored. Numbers come from f16 and there are at least two bits, so
        // neither overflows.
        let minimum = f16::from_f32(low);
        let scale = f16::from_f32((high - low) / top);
        words[0] = u32::from(scale.to_bits()) | u32::from(minimum.to_bits()) << 16;
        let inverse = match scale.to_f32() {
            0.0 => 0.0,
            scale => 1.0 / scale,
        };
        for (i, x) in x.enumerate() {
            let code = ((x - minimum.to_f32()) * inverse).round_ties_even().clamp(0.0, top);
            bits::put(&mut words[1..], i, self.bits, code as u32);
        }
    }

    fn get(&self, words: &[u32], i: usize) -> f32 {
        let code = bits::get(&words[1..], i, self.bits) as f32;
        half_rows::get(words, 0) * code + half_rows::get(words, 1)
    }
}

/// The tokens of a cache.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    settings: Settings,
    /// Groups: for keys d for each `group` tokens, for values d / group for each token.
    packed: Vec<u32>,
    /// Tokens in `packed`.
    done: usize,
    /// Later tokens, as f16.
    recent: VecDeque<Vec<u32>>,
}

impl Tokens {
    pub fn new(settings: Settings) -> Tokens {
        Tokens {
            settings,
            packed: Vec::new(),
            done: 0,
            recent: VecDeque::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.done + self.recent.len()
    }

    pub fn words(&self) -> usize {
        self.packed.len() + self.recent.len() * self.settings.d.div_ceil(2)
    }

    pub fn push(&mut self, rows: &[f32]) -> Result<()> {
        let Settings { d, residual, .. } = self.settings;
        let rows = rows.chunks_exact(d).map(|x| {
            let mut words = vec![0; d.div_ceil(2)];
            half_rows::encode(x, &mut words).map(|()| words)
        });
        // All of them or none.
        for row in rows.collect::<Result<Vec<_>>>()? {
            self.recent.push_back(row);
            match self.settings.side {
                Side::Keys if self.recent.len() == residual => self.pack_keys(),
                Side::Values if self.recent.len() > residual => self.pack_value(),
                _ => {}
            }
        }
        Ok(())
    }

    fn pack_keys(&mut self) {
        let settings = self.settings;
        let mut words = vec![0; settings.words()];
        let recent: Vec<Vec<u32>> = self.recent.drain(..).collect();
        for tokens in recent.chunks(settings.group) {
            for channel in 0..settings.d {
                words.fill(0);
                let x = tokens.iter().map(|token| half_rows::get(token, channel));
                settings.encode(x, &mut words);
                self.packed.extend_from_slice(&words);
            }
            self.done += settings.group;
        }
    }

    fn pack_value(&mut self) {
        let settings = self.settings;
        let mut words = vec![0; settings.words()];
        let Some(token) = self.recent.pop_front() else {
            return;
        };
        for first in (0..settings.d).step_by(settings.group) {
            words.fill(0);
            let channels = first..first + settings.group;
            settings.encode(channels.map(|c| half_rows::get(&token, c)), &mut words);
            self.packed.extend_from_slice(&words);
        }
        self.done += 1;
    }

    /// The numbers of token `t`.
    pub fn levels(&self, t: usize, levels: &mut [f32]) {
        let settings = self.settings;
        let (group, words, d) = (settings.group, settings.words(), settings.d);
        for (channel, level) in levels.iter_mut().enumerate() {
            *level = match (t < self.done, settings.side) {
                (false, _) => half_rows::get(&self.recent[t - self.done], channel),
                (true, Side::Keys) => {
                    let at = (t / group * d + channel) * words;
                    settings.get(&self.packed[at..at + words], t % group)
                }
                (true, Side::Values) => {
                    let at = (t * (d / group) + channel / group) * words;
                    settings.get(&self.packed[at..at + words], channel % group)
                }
            };
        }
    }
}

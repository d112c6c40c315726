//! Layers of GPTQ and AWQ with zero points away from the middle, and the same weights in `INTn_ASYM`.

use crate::common::Random;
use lowbit::layouts::{AwqLayout, FloatSlice, GptqLayout, GptqZeros};
use lowbit::{Format, Group, Linear, Matrix, Result};

/// Outputs: whole words of zero points of any bits.
pub const N: usize = 32;

/// The integers of a layer, and an f16 scale and a zero point for each group.
pub struct Integers {
    pub bits: usize,
    pub k: usize,
    pub group: usize,
    /// `N` rows of `k`.
    pub fields: Vec<u32>,
    /// `N` rows of ⌈k / group⌉.
    pub zeros: Vec<u32>,
    pub scales: Vec<half::f16>,
}

/// What a tool stores of it.
pub struct Tensors {
    pub qweight: Vec<u32>,
    pub qzeros: Vec<u32>,
    pub scales: Vec<half::f16>,
}

impl Integers {
    pub fn random(bits: usize, k: usize, group: usize, seed: u64) -> Integers {
        let mut random = Random::new(seed);
        let groups = k.div_ceil(group);
        let mut fields = |count: usize| (0..count).map(|_| random.next() as u32 >> (32 - bits)).collect();
        let (fields, zeros) = (fields(N * k), fields(N * groups));
        let scales = random.floats(N * groups, 0.1);
        Integers {
            bits,
            k,
            group,
            fields,
            zeros,
            scales: scales.into_iter().map(half::f16::from_f32).collect(),
        }
    }

    pub fn groups(&self) -> usize {
        self.k.div_ceil(self.group)
    }

    /// The weights as lowbit stores zero points that are numbers.
    pub fn asymmetric(&self) -> Matrix<'static> {
        let format = match self.bits {
            2 => Format::INT2_ASYM,
            3 => Format::INT3_ASYM,
            4 => Format::INT4_ASYM,
            _ => Format::INT8_ASYM,
        };
        let mut bytes = Vec::new();
        for (row, fields) in self.fields.chunks(self.k).enumerate() {
            for (g, fields) in fields.chunks(self.group).enumerate() {
                let at = row * self.groups() + g;
                bytes.extend(self.scales[at].to_le_bytes());
                bytes.extend(half::f16::from_f32(self.zeros[at] as f32).to_le_bytes());
                let mut words = vec![0; (fields.len() * self.bits).div_ceil(32)];
                for (i, &field) in fields.iter().enumerate() {
                    set(&mut words, self.bits, i, field, |word| word);
                }
                let stream: &[u8] = bytemuck::cast_slice(&words);
                bytes.extend(&stream[..(fields.len() * self.bits).div_ceil(8)]);
            }
        }
        let format = format.with_group(self.group).unwrap();
        Matrix::from_bytes(format, N, self.k, bytes).unwrap()
    }

    /// Streams down the columns of weights and along the rows of zero points.
    pub fn gptq(&self) -> Tensors {
        let (bits, zero_words) = (self.bits, N * self.bits / 32);
        let mut qweight = vec![0; (self.k * bits).div_ceil(32) * N];
        let mut qzeros = vec![0; self.groups() * zero_words];
        for row in 0..N {
            for j in 0..self.k {
                let field = self.fields[row * self.k + j];
                set(&mut qweight, bits, j, field, |word| word * N + row);
            }
            for g in 0..self.groups() {
                let zero = self.zeros[row * self.groups() + g];
                set(&mut qzeros, bits, row, zero, |word| g * zero_words + word);
            }
        }
        self.with_scales(qweight, qzeros)
    }

    /// Words of eight outputs: 0, 2, 4, 6, 1, 3, 5, 7.
    pub fn awq(&self) -> Tensors {
        const ORDER: [usize; 8] = [0, 2, 4, 6, 1, 3, 5, 7];
        let words = |lines: usize, of: &dyn Fn(usize, usize) -> u32| {
            let word = |i: usize| {
                let (line, first) = (i / (N / 8), i % (N / 8) * 8);
                (0..8).fold(0, |word, place| word | of(first + ORDER[place], line) << (4 * place))
            };
            (0..lines * N / 8).map(word).collect()
        };
        let qweight = words(self.k, &|row, j| self.fields[row * self.k + j]);
        let qzeros = words(self.groups(), &|row, g| self.zeros[row * self.groups() + g]);
        self.with_scales(qweight, qzeros)
    }

    fn with_scales(&self, qweight: Vec<u32>, qzeros: Vec<u32>) -> Tensors {
        let groups = self.groups();
        let scale = |i: usize| self.scales[i % N * groups + i / N];
        Tensors {
            qweight,
            qzeros,
            scales: (0..groups * N).map(scale).collect(),
        }
    }
}

impl Tensors {
    /// Bytes in the file.
    pub fn bytes(&self) -> usize {
        4 * (self.qweight.len() + self.qzeros.len()) + 2 * self.scales.len()
    }

    fn f16s(&self) -> FloatSlice<'_> {
        FloatSlice::from(&self.scales[..])
    }

    pub fn gptq(&self, of: &Integers, zeros: GptqZeros) -> Result<Linear> {
        GptqLayout {
            n: N,
            k: of.k,
            bits: of.bits,
            group: Group::Len(of.group),
            zeros,
            qweight: bytemuck::cast_slice(&self.qweight),
            qzeros: bytemuck::cast_slice(&self.qzeros),
            scales: self.f16s(),
            g_idx: None,
        }
        .linear()
    }

    pub fn awq(&self, of: &Integers) -> Result<Linear> {
        AwqLayout {
            n: N,
            k: of.k,
            group: Group::Len(of.group),
            qweight: bytemuck::cast_slice(&self.qweight),
            qzeros: bytemuck::cast_slice(&self.qzeros),
            scales: self.f16s(),
        }
        .linear()
    }
}

/// Sets field `i` of a stream of zeros, whose words lie at `place`.
fn set(words: &mut [u32], bits: usize, i: usize, field: u32, place: impl Fn(usize) -> usize) {
    for bit in 0..bits {
        let at = i * bits + bit;
        words[place(at / 32)] |= (field >> bit & 1) << (at % 32);
    }
}

/// One matrix of a file.
pub struct Case {
    pub name: String,
    pub integers: Integers,
    pub linear: Linear,
    pub file_bytes: usize,
}

/// GPTQ with 2, 3 and 4 bits and AWQ, in groups of 32, 64 and 128: whole blocks of eight groups, a last block of fewer
/// groups, and a short last group in it.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for group in [32, 64, 128] {
        for k in [2048, 2048 + 3 * group, 2048 + 3 * group + group / 2] {
            for bits in [2, 3, 4] {
                let integers = Integers::random(bits, k, group, (k + bits) as u64);
                let tensors = integers.gptq();
                cases.push(Case {
                    name: format!("gptq, {bits} bits, groups of {group}, k = {k}"),
                    linear: tensors.gptq(&integers, GptqZeros::AsTheyAre).unwrap(),
                    file_bytes: tensors.bytes(),
                    integers,
                });
            }
            let integers = Integers::random(4, k, group, k as u64);
            let tensors = integers.awq();
            cases.push(Case {
                name: format!("awq, groups of {group}, k = {k}"),
                linear: tensors.awq(&integers).unwrap(),
                file_bytes: tensors.bytes(),
                integers,
            });
        }
    }
    cases
}

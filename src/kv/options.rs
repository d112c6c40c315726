//! The options of a cache.

use crate::setters::setters;

/// How vectors of a cache are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum KvType {
    /// Half floats: 16 bits a number.
    F16,
    /// GGUF's Q8_0, 8.5 bits: what llama.cpp calls `-ctk q8_0`.
    Q8_0,
    /// GGUF's Q4_0, 4.5 bits: what llama.cpp calls `-ctk q4_0`.
    Q4_0,
    /// KIVI (Liu et al., KIVI: A Tuning-Free Asymmetric 2bit Quantization for KV Cache, 2024, arXiv 2402.02750):
    /// keys by channel, values by token, bits + 32 / group bits a number, the last `residual` tokens in
    /// half floats.
    Kivi {
        /// Bits of a code, 2 to 8; the paper's 2, or 4.
        bits: u32,
        /// Tokens (of keys) or channels (of values) under one scale and minimum; the paper's 32.
        group: usize,
        /// The most tokens (of keys), or just so many (of values), that are held in half floats; the paper's
        /// 128. Of keys a multiple of `group`.
        residual: usize,
        /// Which of the two.
        side: Side,
    },
    /// TurboQuant's Q_mse (Zandieh et al., TurboQuant: Online Vector Quantization with Near-optimal Distortion
    /// Rate, 2025, arXiv 2504.19874): codes of a rotated unit vector, and its norm; bits + 32 / d bits a number.
    TurboMse {
        /// Bits of a code, 1 to 4.
        bits: u32,
    },
    /// TurboQuant's Q_prod, whose inner products are unbiased: Q_mse of bits - 1 bits, and the signs of a random
    /// projection of what that leaves; bits + 64 / d bits a number.
    TurboProd {
        /// Bits of a number, 2 to 4; 1 is QJL alone (arXiv 2406.03482).
        bits: u32,
    },
}

/// What a cache holds. Channels of keys differ in size and stay so from token to token, those of values do not:
/// KIVI's groups run along tokens for the one and along channels for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Side {
    /// Keys, which queries are multiplied by.
    Keys,
    /// Values, which are summed.
    Values,
}

/// The rotation Π of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum KvRotation {
    /// None: Π = 1.
    None,
    /// A Hadamard matrix times random signs: d log d additions. d must be 2^k m
    /// ([`Hadamard::new`](crate::rotate::hadamard::Hadamard::new)).
    Hadamard,
    /// Uniform over all orthogonal matrices, as TurboQuant's paper has it: d² products.
    Haar,
}

/// The type, dimension and rotation of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct KvOptions {
    /// How vectors are packed.
    pub kind: KvType,
    /// Numbers of a vector: the size of a head.
    pub d: usize,
    /// The rotation of vectors before they are packed.
    pub rotation: KvRotation,
    /// The seed of the rotation, and (by another seed derived from it) of Q_prod's projection.
    pub seed: u64,
}

setters!(KvOptions {
    with_kind: kind: KvType,
    with_d: d: usize,
    with_rotation: rotation: KvRotation,
    with_seed: seed: u64,
});

impl KvOptions {
    /// A cache of vectors of `d` numbers: TurboQuant's types rotated by a Hadamard matrix, whose error is no larger
    /// than that of Haar's, the others not rotated. Seed 0.
    pub fn new(kind: KvType, d: usize) -> KvOptions {
        let rotation = match kind {
            KvType::TurboMse { .. } | KvType::TurboProd { .. } => KvRotation::Hadamard,
            _ => KvRotation::None,
        };
        KvOptions {
            kind,
            d,
            rotation,
            seed: 0,
        }
    }
}

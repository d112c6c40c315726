//! The options of a cache.

use crate::setters::setters;

/// The packed type of a cache's vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum KvType {
    /// f16: 16 bits for each number.
    F16,
    /// GGUF's Q8_0, 8.5 bits: llama.cpp's `-ctk q8_0`.
    Q8_0,
    /// GGUF's Q4_0, 4.5 bits: llama.cpp's `-ctk q4_0`.
    Q4_0,
    /// KIVI (Liu et al., KIVI: A Tuning-Free Asymmetric 2bit Quantization for KV Cache, 2024, arXiv 2402.02750):
    /// keys by channel, values by token, bits + 32 / group bits for each number, and the last `residual` tokens in f16.
    Kivi {
        /// Bits of a code, 2 to 8; 2 or 4 in the paper.
        bits: u32,
        /// Tokens (for keys) or channels (for values) that share a scale and minimum; 32 in the paper.
        group: usize,
        /// Tokens in f16: the most for keys, a multiple of `group`; the exact number for values. 128 in the paper.
        residual: usize,
        /// Keys or values.
        side: Side,
    },
    /// TurboQuant's Q_mse (Zandieh et al., TurboQuant: Online Vector Quantization with Near-optimal Distortion
    /// Rate, 2025, arXiv 2504.19874): codes of a rotated unit vector and its norm; bits + 32 / d bits for each
    /// number.
    TurboMse {
        /// Bits of a code, 1 to 4.
        bits: u32,
    },
    /// TurboQuant's Q_prod, with unbiased inner products: Q_mse of bits - 1 bits and the signs of a random projection
    /// of its residual; bits + 64 / d bits for each number.
    TurboProd {
        /// Bits of a number, 1 to 4; 1 is QJL alone (arXiv 2406.03482).
        bits: u32,
    },
}

/// The contents of a cache. Channels of keys differ in magnitude consistently over tokens, those of values do not, so
/// KIVI groups keys along tokens and values along channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Side {
    /// Keys, which are multiplied by queries.
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
    /// A Hadamard matrix times random signs: d log d additions; d must be 2^k m
    /// ([`Hadamard::new`](crate::rotate::hadamard::Hadamard::new)).
    Hadamard,
    /// Uniform over all orthogonal matrices, as in TurboQuant's paper: d² multiplications.
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
    /// A cache of vectors of `d` numbers with seed 0. TurboQuant's types are rotated by a Hadamard matrix, whose error
    /// is at most that of a Haar rotation; the others are not rotated.
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

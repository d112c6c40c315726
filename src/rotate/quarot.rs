//! Rotations folded into weights, which leave what a network computes as it is and spread its outliers over all
//! columns (Ashkboos et al., QuaRot: Outlier-Free 4-Bit Inference in Rotated LLMs, 2024, arXiv 2404.00456).
//!
//! A network y = W x with the residual stream x → Q x:
//! 1. [`fold_gain`]: RMSNorm's gain g goes into the matrices that read it, W diag(g), since only a norm without a
//!    gain commutes with Q.
//! 2. [`rotate_inputs`] of what reads the stream (q, k, v, gate, up, the head): W → W Qᵀ; [`rotate_outputs`] of
//!    what writes it (o, down): W → Q W. The embedding's rows and a bias of the stream are rows that
//!    `rotate_inputs` takes too, since W Qᵀ is Q applied to each row.
//! 3. By heads, a smaller R: `rotate_outputs` of v and `rotate_inputs` of o by R, block by block. The weights of
//!    attention are sums over tokens, with which R commutes.
//! 4. Before down: `rotate_inputs` of it by a Hadamard matrix, and the same transform of its inputs while the
//!    network runs (by blocks of a power of two [`Linear::with_rotation`](crate::Linear::with_rotation) does it).
//! 5. Keys, once they have their positions, and queries: [`KvOptions::with_rotation`](crate::kv::KvOptions).

use super::orthogonal::Orthogonal;
use super::real::Real;
use super::{check_blocks, check_length};
use crate::{Result, parallel};

/// W → W diag(g): `w` is n rows of k, `gain` k numbers. The norm's own gain is then to be 1.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length).
pub fn fold_gain<T: Real>(w: &mut [T], n: usize, k: usize, gain: &[T]) -> Result<()> {
    let shape = format!("[{n}, {k}]");
    check_length("w", &shape, n.saturating_mul(k), w.len())?;
    check_length("gain", &shape, k, gain.len())?;
    for row in w.chunks_exact_mut(k.max(1)) {
        for (w, g) in row.iter_mut().zip(gain) {
            *w = *w * *g;
        }
    }
    Ok(())
}

/// W → W (1 ⊗ Qᵀ): each row of `w` (n rows of k), in blocks of as many columns as Q has, is multiplied by Q. What
/// multiplied x multiplies Q x then, block by block.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length), [`Error::Argument`](crate::Error::Argument) where k is no whole number
/// of blocks.
pub fn rotate_inputs<T: Real>(w: &mut [T], n: usize, k: usize, q: &Orthogonal) -> Result<()> {
    let shape = format!("[{n}, {k}]");
    check_length("w", &shape, n.saturating_mul(k), w.len())?;
    check_blocks("inputs of a rotated matrix", k, q.n())?;
    parallel::chunks(w, q.n(), || (), |_, block, _| q.apply(block));
    Ok(())
}

/// W → (1 ⊗ Q) W: the rows of `w` (n rows of k) are combined in blocks of as many as Q has. What came out as y
/// comes out as Q y, block by block.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length), [`Error::Argument`](crate::Error::Argument) where n is no whole number
/// of blocks.
pub fn rotate_outputs<T: Real>(w: &mut [T], n: usize, k: usize, q: &Orthogonal) -> Result<()> {
    let shape = format!("[{n}, {k}]");
    check_length("w", &shape, n.saturating_mul(k), w.len())?;
    check_blocks("outputs of a rotated matrix", n, q.n())?;
    let mut columns = vec![T::default(); w.len()];
    transpose(w, k, &mut columns);
    parallel::chunks(&mut columns, q.n(), || (), |_, block, _| q.apply(block));
    transpose(&columns, n, w);
    Ok(())
}

/// `to[j][i] = from[i][j]`, rows of `from` being `k` long.
fn transpose<T: Real>(from: &[T], k: usize, to: &mut [T]) {
    let n = to.len() / k.max(1);
    for (i, row) in from.chunks_exact(k.max(1)).enumerate() {
        for (j, v) in row.iter().enumerate() {
            to[j * n + i] = *v;
        }
    }
}

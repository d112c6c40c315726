//! Rotations folded into weights, which do not change the function of a network and spread its outliers over all
//! columns (Ashkboos et al., QuaRot: Outlier-Free 4-Bit Inference in Rotated LLMs, 2024, arXiv 2404.00456).
//!
//! For a network y = W x whose residual stream becomes x → Q x:
//! 1. [`fold_gain`] folds RMSNorm's gain g into the matrices that read its output, W diag(g), since only a norm without
//!    a gain commutes with Q.
//! 2. [`rotate_inputs`] rotates the matrices that read the stream (q, k, v, gate, up, the head): W → W Qᵀ;
//!    [`rotate_outputs`] rotates those that write it (o, down): W → Q W. `rotate_inputs` also takes the rows of the
//!    embedding and a bias of the stream, since W Qᵀ is Q applied to each row.
//! 3. For each head with a smaller R: `rotate_outputs` of v and `rotate_inputs` of o by R, block by block. Attention
//!    sums over tokens, which commutes with R.
//! 4. Before down: `rotate_inputs` of down by a Hadamard matrix, and the same transform of its inputs at run time
//!    ([`Linear::with_rotation`](crate::Linear::with_rotation) for blocks of a power of two).
//! 5. Keys, after their positional encoding, and queries: [`KvOptions::with_rotation`](crate::kv::KvOptions).

use super::orthogonal::Orthogonal;
use super::real::Real;
use super::{check_blocks, check_length};
use crate::{Result, parallel};

/// W → W diag(g), where `w` is n rows of k and `gain` is k numbers. Set the norm's own gain to 1 afterwards.
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

/// W → W (1 ⊗ Qᵀ): multiplies each row of `w` (n rows of k) by Q, in blocks of as many columns as Q has. The result
/// takes Q x, block by block, instead of x.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length), [`Error::Argument`](crate::Error::Argument) where k is not whole
/// blocks.
pub fn rotate_inputs<T: Real>(w: &mut [T], n: usize, k: usize, q: &Orthogonal) -> Result<()> {
    let shape = format!("[{n}, {k}]");
    check_length("w", &shape, n.saturating_mul(k), w.len())?;
    check_blocks("inputs of a rotated matrix", k, q.n())?;
    parallel::chunks(w, q.n(), || (), |_, block, _| q.apply(block));
    Ok(())
}

/// W → (1 ⊗ Q) W: combines the rows of `w` (n rows of k) in blocks of as many rows as Q has. The output is Q y, block
/// by block, instead of y.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length), [`Error::Argument`](crate::Error::Argument) where n is not whole
/// blocks.
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

/// `to[j][i] = from[i][j]`, where rows of `from` have length `k`.
fn transpose<T: Real>(from: &[T], k: usize, to: &mut [T]) {
    let n = to.len() / k.max(1);
    for (i, row) in from.chunks_exact(k.max(1)).enumerate() {
        for (j, v) in row.iter().enumerate() {
            to[j * n + i] = *v;
        }
    }
}

//! Vector quantization: each vector of weights is an entry of a learned codebook, or the sum of one entry from each of
//! several codebooks.
//!
//! | Method | Minimizes |
//! |---|---|
//! | [`KMeans`] | Σ weight · (x - entry)² over vectors |
//! | [`Residual`] | the same, one codebook after the other: each quantizes the residual of those before it |
//! | [`Aqlm`] | ‖(W - Ŵ)X‖², all codes and codebooks of a layer together |
//!
//! The last two return [`Additive`], which becomes a [`Matrix`](crate::Matrix) of `AQLM_1X16` or `AQLM_2X8` where its
//! shape allows it.

mod additive;
mod aqlm;
mod beam;
mod kmeans;
mod refit;
mod residual;
mod seeding;

pub use additive::Additive;
pub use aqlm::{Aqlm, output_error};
pub use kmeans::{KMeans, KMeansResult, nearest};
pub use residual::Residual;

//! Vector quantization: several weights at a time are an entry of a learned codebook, or the sum of one entry of each
//! of several codebooks.
//!
//! | Method | Minimizes |
//! |---|---|
//! | [`KMeans`] | Σ weight · (x - entry)² over vectors |
//! | [`Residual`] | the same, one codebook after the other: each quantizes what the ones before left |
//! | [`Aqlm`] | ‖(W - Ŵ)X‖², all codes and codebooks of a layer together |
//!
//! [`Additive`] is what the last two give; where its shape allows it becomes a [`Matrix`](crate::Matrix) of
//! `AQLM_1X16` or `AQLM_2X8`.

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

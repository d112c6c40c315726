//! Codebooks of one dimension: the levels that weights are rounded to, where these are not equally far apart.

mod density;
mod lloyd_max;

pub use density::Density;
pub use lloyd_max::{lloyd_max, lloyd_max_sphere, LloydMax};

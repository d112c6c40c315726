//! What the lattice formats (IQ1, IQ2, IQ3) share.

pub(crate) mod grids;

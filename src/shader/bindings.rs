//! Where each buffer is bound, in Rust and in WGSL.

/// The plane of codes.
pub(crate) const CODES: u32 = 0;
/// The plane of scales.
pub(crate) const SCALES: u32 = 1;
/// [`Params`](super::params::Params), a uniform.
pub(crate) const PARAMS: u32 = 2;
/// x, the ids of rows wanted, or the sums of slices.
pub(crate) const INPUT: u32 = 3;
/// y, or what a kernel reads out.
pub(crate) const OUTPUT: u32 = 4;
/// The words that codes of lattices and codebooks are looked up in.
pub(crate) const TABLE: u32 = 5;
pub(crate) const BIAS: u32 = 6;
pub(crate) const RESIDUAL: u32 = 7;
pub(crate) const SCALE: u32 = 8;
pub(crate) const GATE: u32 = 9;
pub(crate) const FACTOR: u32 = 10;
/// Which matrix each row of y is multiplied by, or the groups of rows that share one.
pub(crate) const IDS: u32 = 11;
pub(crate) const ROW_SCALE: u32 = 12;
/// What the zero point of x adds to each output.
pub(crate) const ZERO_POINT: u32 = 13;

/// The names that WGSL has for each.
#[cfg(test)]
pub(crate) const NAMES: [(u32, &[&str]); 14] = [
    (CODES, &["code_plane"]),
    (SCALES, &["scale_plane"]),
    (PARAMS, &["params"]),
    (INPUT, &["x", "ids", "sums"]),
    (OUTPUT, &["y", "units"]),
    (TABLE, &["table"]),
    (BIAS, &["bias_of"]),
    (RESIDUAL, &["residual_words"]),
    (SCALE, &["scale_of"]),
    (GATE, &["gate_words"]),
    (FACTOR, &["factor_words"]),
    (IDS, &["ids", "groups"]),
    (ROW_SCALE, &["row_scale_of"]),
    (ZERO_POINT, &["zero_point_of"]),
];

//! Orthogonal matrices that spread outliers over all columns, which lowers the quantization error.

pub mod hadamard;
mod orthogonal;
mod paley;
pub mod quarot;
pub mod random;
mod real;

pub(crate) use orthogonal::Form;
pub use orthogonal::Orthogonal;
pub use real::Real;

use crate::{Error, Result};

fn check_length(what: &'static str, shape: &str, expected: usize, got: usize) -> Result<()> {
    if got != expected {
        return Err(Error::Length {
            what,
            shape: shape.into(),
            unit: "numbers",
            expected,
            got,
        });
    }
    Ok(())
}

fn check_blocks(what: &'static str, count: usize, block: usize) -> Result<()> {
    if !count.is_multiple_of(block) {
        return Err(Error::Argument {
            what,
            allowed: format!("a multiple of the rotation's {block}"),
            got: count.to_string(),
        });
    }
    Ok(())
}

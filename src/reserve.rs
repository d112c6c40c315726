//! Allocations of a size that the caller chooses: errors in place of aborts.

use crate::{Error, Result};
use std::hint::black_box;

/// `count` zeros, at most `most`.
///
/// # Errors
/// [`Error::TooLarge`] over `most`, [`Error::Argument`] if the machine lacks the memory.
pub(crate) fn zeros<T: Clone + Default>(what: &'static str, count: u64, most: u64) -> Result<Vec<T>> {
    within(what, count, most)?;
    let refused = || Error::Argument {
        what,
        allowed: "what this machine has memory for".into(),
        got: format!("{count} numbers of {} bytes", size_of::<T>()),
    };
    let count = usize::try_from(count).map_err(|_| refused())?;
    // Reserved and released first: only `vec!` gets zeroed pages that take no memory until written, but it aborts on
    // failure. `black_box` keeps the compiler from removing the pair.
    let mut asked = Vec::<T>::new();
    asked.try_reserve_exact(count).map_err(|_| refused())?;
    drop(black_box(asked));
    Ok(vec![T::default(); count])
}

/// [`Error::TooLarge`] if `count` exceeds `most`.
pub(crate) fn within(what: &'static str, count: u64, most: u64) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    Err(Error::TooLarge {
        what,
        needed: count,
        limit: most,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_or_an_error_with_numbers() {
        assert_eq!(zeros::<f64>("sums", 3, 3).unwrap(), [0.0; 3]);
        let told = |count, most| zeros::<f64>("sums", count, most).unwrap_err().to_string();
        assert_eq!(told(4, 3), "sums of 4 exceeds the limit of 3");
        let expected = "sums should be what this machine has memory for, got 18446744073709551615 numbers of 8 bytes";
        assert_eq!(told(u64::MAX, u64::MAX), expected);
        // The allocator accepts this size, but no machine has the memory.
        assert!(told(1 << 59, u64::MAX).contains("got 576460752303423488 numbers"));
    }
}

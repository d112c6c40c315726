//! Memory for as many numbers as a caller names: where there is none, an error in place of an abort.

use crate::{Error, Result};
use std::hint::black_box;

/// `count` zeros, of which no more than `most` are given, whatever the machine has.
///
/// # Errors
/// [`Error::TooLarge`] over `most`, [`Error::Argument`] if the machine does not give so many.
pub(crate) fn zeros<T: Clone + Default>(what: &'static str, count: u64, most: u64) -> Result<Vec<T>> {
    within(what, count, most)?;
    let refused = || Error::Argument {
        what,
        allowed: "what this machine has memory for".into(),
        got: format!("{count} numbers of {} bytes", size_of::<T>()),
    };
    let count = usize::try_from(count).map_err(|_| refused())?;
    // Asked for and given back, since only `vec!` gets zeros that take no memory until they are written, and it aborts.
    // A compiler that sees both may leave both out.
    let mut asked = Vec::<T>::new();
    asked.try_reserve_exact(count).map_err(|_| refused())?;
    drop(black_box(asked));
    Ok(vec![T::default(); count])
}

/// [`Error::TooLarge`] if `count` is over `most`.
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
        // So many bytes may be asked for, but no machine has them.
        assert!(told(1 << 59, u64::MAX).contains("got 576460752303423488 numbers"));
    }
}

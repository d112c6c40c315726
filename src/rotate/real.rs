//! The float types of rotations: f32 for caches, f64 for weights without loss of precision.

use std::ops::{Add, AddAssign, Mul, Sub};

/// `f32` or `f64`.
pub trait Real:
    Copy + Default + Send + Sync + Add<Output = Self> + AddAssign + Sub<Output = Self> + Mul<Output = Self> + sealed::Sealed
{
    /// `value` rounded to this type.
    fn of(value: f64) -> Self;

    /// The exact value as f64.
    fn wide(self) -> f64;
}

impl Real for f32 {
    fn of(value: f64) -> f32 {
        value as f32
    }

    fn wide(self) -> f64 {
        self.into()
    }
}

impl Real for f64 {
    fn of(value: f64) -> f64 {
        value
    }

    fn wide(self) -> f64 {
        self
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

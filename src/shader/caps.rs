//! What a device can do beyond what every WebGPU device can.

use std::fmt;
use std::ops::{BitAnd, BitOr, Sub};

/// A set of capabilities that kernels can use. Each has the name of the wgpu feature that grants it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Caps(u8);

impl Caps {
    /// No capability.
    pub const NONE: Caps = Caps(0);
    /// Subgroup operations.
    pub const SUBGROUP: Caps = Caps(1);
    /// f16 in shaders.
    pub const SHADER_F16: Caps = Caps(1 << 1);
    /// Integers of 64 bits in shaders.
    pub const SHADER_INT64: Caps = Caps(1 << 2);
    /// Cooperative matrices.
    pub const COOPERATIVE_MATRIX: Caps = Caps(1 << 3);
    /// Every capability.
    pub const ALL: Caps = Caps((1 << 4) - 1);

    const NAMES: [(Caps, &str); 4] = [
        (Caps::SUBGROUP, "SUBGROUP"),
        (Caps::SHADER_F16, "SHADER_F16"),
        (Caps::SHADER_INT64, "SHADER_INT64"),
        (Caps::COOPERATIVE_MATRIX, "EXPERIMENTAL_COOPERATIVE_MATRIX"),
    ];

    /// The capabilities of either set.
    pub const fn union(self, other: Caps) -> Caps {
        Caps(self.0 | other.0)
    }

    /// Whether all of `other` are in this set.
    pub const fn contains(self, other: Caps) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of the wgpu features that grant them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Caps::NAMES
            .into_iter()
            .filter(move |(cap, _)| self.contains(*cap))
            .map(|(_, name)| name)
    }
}

impl BitOr for Caps {
    type Output = Caps;

    fn bitor(self, other: Caps) -> Caps {
        self.union(other)
    }
}

impl BitAnd for Caps {
    type Output = Caps;

    fn bitand(self, other: Caps) -> Caps {
        Caps(self.0 & other.0)
    }
}

/// The capabilities of the first set that are not in the second.
impl Sub for Caps {
    type Output = Caps;

    fn sub(self, other: Caps) -> Caps {
        Caps(self.0 & !other.0)
    }
}

/// The names of the device's features, which is what a caller enables.
impl fmt::Debug for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().collect();
        f.write_str(if names.is_empty() { "none" } else { "" })?;
        f.write_str(&names.join(" | "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let both = Caps::SUBGROUP | Caps::SHADER_F16;
        assert!(both.contains(Caps::SUBGROUP) && !Caps::SUBGROUP.contains(both));
        assert_eq!(both - Caps::SUBGROUP, Caps::SHADER_F16);
        assert_eq!(both & Caps::SHADER_INT64, Caps::NONE);
        assert_eq!(format!("{both:?}, {:?}", Caps::NONE), "SUBGROUP | SHADER_F16, none");
        let all = Caps::NAMES.iter().fold(Caps::NONE, |all, (cap, _)| all | *cap);
        assert_eq!(all, Caps::ALL);
    }
}

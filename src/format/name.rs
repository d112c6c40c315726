//! Names of formats: `q4_k`, `int4_g128`, `int8_row`.

use super::Format;
use crate::{Error, Group, Result};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

impl Format {
    /// The name in lower case without a group: `q4_k`, `int4`.
    ///
    /// [`Display`](fmt::Display) appends the group unless it is the default one: `int4_g128`, `int4_row`.
    pub fn name(&self) -> &'static str {
        self.family.name
    }

    /// The format with this name, in upper or lower case, with or without a group: `q4_k`, `INT4_g128`, `int8_row`.
    pub fn from_name(name: &str) -> Option<Format> {
        let name = name.to_ascii_lowercase();
        if let Some(f) = Format::named(&name) {
            return Some(f);
        }
        let (stem, group) = name.rsplit_once('_')?;
        let group = match group {
            "row" => Group::Row,
            len => Group::Len(len.strip_prefix('g')?.parse().ok()?),
        };
        Format::named(stem)?.with_group(group).ok()
    }

    /// The format with this name, with any scale type and the default group.
    fn named(name: &str) -> Option<Format> {
        Format::ALL.iter().find_map(|format| {
            let scales = format.family.scales.iter().map(|(_, family)| *family);
            let mut families = std::iter::once(format.family).chain(scales);
            let family = families.find(|f| f.name == name)?;
            Some(Format { family, ..*format })
        })
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Format) -> bool {
        self.name() == other.name() && self.group == other.group
    }
}

impl Eq for Format {}

impl Hash for Format {
    fn hash<H: Hasher>(&self, h: &mut H) {
        (self.name(), self.group).hash(h);
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group {
            group if group == Format::default_group(self.family) => f.pad(self.name()),
            Group::Len(len) => f.pad(&format!("{}_g{len}", self.name())),
            _ => f.pad(&format!("{}_row", self.name())),
        }
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Format({self})")
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Format> {
        Format::from_name(name).ok_or_else(|| {
            let known: Vec<_> = Format::ALL.iter().map(Format::name).collect();
            Error::unknown("format", name, &known)
        })
    }
}

/// As the string that [`Display`](fmt::Display) writes.
#[cfg(feature = "serde")]
impl serde::Serialize for Format {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From a string, by [`FromStr`].
#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Format {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Format, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

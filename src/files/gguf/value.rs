//! The values of keys in a GGUF file.

use super::cursor::{Cursor, Location};
use crate::Result;
use std::fmt;

pub(super) const STRING: u32 = 8;
pub(super) const ARRAY: u32 = 9;

/// A type that is stored alone or in an array. `skip` has checked the length of all bytes that are decoded.
trait Scalar: Sized {
    fn decode(bytes: &[u8]) -> Self;
    fn decode_all(bytes: &[u8]) -> Vec<Self>;
    fn write(&self, out: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl Scalar for $number {
            fn decode(bytes: &[u8]) -> Self {
                let bytes = bytes.first_chunk().copied();
                <$number>::from_le_bytes(bytes.unwrap_or_default())
            }
            fn decode_all(bytes: &[u8]) -> Vec<Self> {
                let (numbers, _) = bytes.as_chunks();
                numbers.iter().map(|&b| <$number>::from_le_bytes(b)).collect()
            }
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )* };
}
numbers!(u8, i8, u16, i16, u32, i32, f32, u64, i64, f64);

/// Any byte other than 0 is true, as in llama.cpp.
impl Scalar for bool {
    fn decode(bytes: &[u8]) -> Self {
        u8::decode(bytes) != 0
    }
    fn decode_all(bytes: &[u8]) -> Vec<Self> {
        bytes.iter().map(|&byte| byte != 0).collect()
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
}

/// The consecutive strings in `bytes`.
pub(super) fn texts(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (text, rest) = rest.split_at_checked(length)?;
        bytes = rest;
        Some(text)
    })
}

pub(super) fn write_str(text: impl AsRef<[u8]>, out: &mut Vec<u8>) {
    let text = text.as_ref();
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text);
}

/// Steps over a value of type `id`, checking that its bytes are there.
pub(super) fn skip(file: &mut Cursor, id: u32, place: Location) -> Result<()> {
    if id != ARRAY {
        let width = width(id).ok_or_else(|| place.error("the value type", "0 to 12", id))?;
        return skip_items(file, id, width, 1, (place, "the value"));
    }
    let id = file.u32(place, "the array's type")?;
    let count = file.u64(place, "the array's length")?;
    let wanted = "0 to 12, but not 9 (nested)";
    let width = width(id).ok_or_else(|| place.error("the array's type", wanted, id))?;
    skip_items(file, id, width, count, (place, "the array"))
}

fn skip_items(
    file: &mut Cursor,
    id: u32,
    width: u64,
    count: u64,
    (place, what): (Location, &'static str),
) -> Result<()> {
    let least = count.saturating_mul(width);
    if id != STRING {
        return file.take(least, place, what).map(drop);
    }
    file.check(least, place, what)?;
    for _ in 0..count {
        file.text(place, "a string")?;
    }
    Ok(())
}

macro_rules! values {
    ($($id:literal $name:ident $type:ty, $doc:literal;)*) => {
        /// The value of a key, in one of the 13 types of GGUF.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Value {
            $(#[doc = $doc] $name($type),)*
            /// UTF-8.
            String(String),
            /// A string of a file that is not valid UTF-8. Its type id is that of strings.
            Bytes(Vec<u8>),
            /// Values of one type.
            Array(Array),
        }

        /// The elements of [`Value::Array`]. Arrays do not nest: llama.cpp does not read nested ones.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Array {
            $(#[doc = $doc] $name(Vec<$type>),)*
            /// UTF-8.
            String(Vec<String>),
            /// Strings of a file, at least one of them not valid UTF-8. Their type id is that of strings.
            Bytes(Vec<Vec<u8>>),
        }

        /// Bytes of one value of this type, unless it is an array; for a string those of its length field.
        pub(super) fn width(id: u32) -> Option<u64> {
            match id {
                $($id => Some(size_of::<$type>() as u64),)*
                STRING => Some(size_of::<u64>() as u64),
                _ => None,
            }
        }

        impl Value {
            /// The id of this type in a file.
            pub fn type_id(&self) -> u32 {
                match self {
                    $(Value::$name(_) => $id,)*
                    Value::String(_) | Value::Bytes(_) => STRING,
                    Value::Array(_) => ARRAY,
                }
            }

            /// Decodes a value of type `id` from bytes that `skip` accepted.
            pub(super) fn decode(id: u32, bytes: &[u8]) -> Value {
                match id {
                    $($id => Value::$name(<$type>::decode(bytes)),)*
                    ARRAY => Value::Array(Array::decode(bytes)),
                    _ => {
                        let text = texts(bytes).next().unwrap_or_default().to_vec();
                        match String::from_utf8(text) {
                            Ok(text) => Value::String(text),
                            Err(e) => Value::Bytes(e.into_bytes()),
                        }
                    }
                }
            }

            pub(super) fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.type_id().to_le_bytes());
                match self {
                    $(Value::$name(value) => value.write(out),)*
                    Value::String(text) => write_str(text, out),
                    Value::Bytes(text) => write_str(text, out),
                    Value::Array(array) => array.write(out),
                }
            }
        }

        impl Array {
            /// The id of the elements' type in a file.
            pub fn type_id(&self) -> u32 {
                match self {
                    $(Array::$name(_) => $id,)*
                    Array::String(_) | Array::Bytes(_) => STRING,
                }
            }

            /// The number of elements.
            pub fn len(&self) -> usize {
                match self {
                    $(Array::$name(items) => items.len(),)*
                    Array::String(items) => items.len(),
                    Array::Bytes(items) => items.len(),
                }
            }

            /// Whether there are no elements.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            fn decode(bytes: &[u8]) -> Array {
                let (id, items) = bytes.split_at(bytes.len().min(4));
                let items = items.get(size_of::<u64>()..).unwrap_or_default();
                match u32::decode(id) {
                    $($id => Array::$name(<$type>::decode_all(items)),)*
                    _ => {
                        let utf8 = |text| Some(std::str::from_utf8(text).ok()?.to_owned());
                        match texts(items).map(utf8).collect() {
                            Some(items) => Array::String(items),
                            None => Array::Bytes(texts(items).map(<[u8]>::to_vec).collect()),
                        }
                    }
                }
            }

            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.type_id().to_le_bytes());
                out.extend_from_slice(&(self.len() as u64).to_le_bytes());
                match self {
                    $(Array::$name(items) => items.iter().for_each(|item| item.write(out)),)*
                    Array::String(items) => items.iter().for_each(|item| write_str(item, out)),
                    Array::Bytes(items) => items.iter().for_each(|item| write_str(item, out)),
                }
            }
        }

        $(
            impl From<$type> for Value {
                fn from(value: $type) -> Value { Value::$name(value) }
            }
            impl From<Vec<$type>> for Value {
                fn from(items: Vec<$type>) -> Value { Value::Array(Array::$name(items)) }
            }
        )*
    };
}

values! {
    0 U8 u8, "8 bits, unsigned.";
    1 I8 i8, "8 bits, signed.";
    2 U16 u16, "16 bits, unsigned.";
    3 I16 i16, "16 bits, signed.";
    4 U32 u32, "32 bits, unsigned.";
    5 I32 i32, "32 bits, signed.";
    6 F32 f32, "A float of 32 bits.";
    7 Bool bool, "One byte, 0 where it is false.";
    10 U64 u64, "64 bits, unsigned.";
    11 I64 i64, "64 bits, signed.";
    12 F64 f64, "A float of 64 bits.";
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(text)
    }
}

impl From<Vec<String>> for Value {
    fn from(items: Vec<String>) -> Value {
        Value::Array(Array::String(items))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::String(value.to_owned())
    }
}

impl Value {
    /// The text, if the value is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if the value is a non-negative integer of any width. Writers disagree on the widths of keys such as
    /// `block_count`, so readers should accept any.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Value::U8(v) => Some(v.into()),
            Value::U16(v) => Some(v.into()),
            Value::U32(v) => Some(v.into()),
            Value::U64(v) => Some(v),
            Value::I8(v) => v.try_into().ok(),
            Value::I16(v) => v.try_into().ok(),
            Value::I32(v) => v.try_into().ok(),
            Value::I64(v) => v.try_into().ok(),
            _ => None,
        }
    }
}

/// Text as it is and numbers in decimal. An array, which can hold megabytes, is written as its length only; invalid
/// UTF-8 is replaced.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::U8(v) => v.fmt(f),
            Value::I8(v) => v.fmt(f),
            Value::U16(v) => v.fmt(f),
            Value::I16(v) => v.fmt(f),
            Value::U32(v) => v.fmt(f),
            Value::I32(v) => v.fmt(f),
            Value::F32(v) => v.fmt(f),
            Value::Bool(v) => v.fmt(f),
            Value::U64(v) => v.fmt(f),
            Value::I64(v) => v.fmt(f),
            Value::F64(v) => v.fmt(f),
            Value::String(text) => f.pad(text),
            Value::Bytes(bytes) => f.pad(&String::from_utf8_lossy(bytes)),
            Value::Array(array) => write!(f, "[{} values]", array.len()),
        }
    }
}

//! The values that keys of a GGUF file have.

use super::cursor::{Cursor, Place};
use crate::Result;

const ARRAY: u32 = 9;

/// What can stand in a file by itself or in an array.
trait Element: Sized {
    /// The fewest bytes that one can take.
    const LEAST: u64;
    fn read(file: &mut Cursor, place: Place) -> Result<Self>;
    fn write(&self, out: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl Element for $number {
            const LEAST: u64 = size_of::<$number>() as u64;
            fn read(file: &mut Cursor, place: Place) -> Result<Self> {
                Ok(<$number>::from_le_bytes(file.array(place, "the value")?))
            }
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )* };
}
numbers!(u8, i8, u16, i16, u32, i32, f32, u64, i64, f64);

impl Element for bool {
    const LEAST: u64 = 1;
    fn read(file: &mut Cursor, place: Place) -> Result<Self> {
        match u8::read(file, place)? {
            0 => Ok(false),
            1 => Ok(true),
            got => Err(place.error("a bool", "0 or 1", got)),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
}

impl Element for String {
    const LEAST: u64 = 8;
    fn read(file: &mut Cursor, place: Place) -> Result<Self> {
        Ok(file.str(place, "a string")?.to_owned())
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_str(self, out);
    }
}

pub(super) fn write_str(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn read_array<T: Element>(file: &mut Cursor, place: Place, count: u64) -> Result<Vec<T>> {
    file.check(count.saturating_mul(T::LEAST), place, "the array")?;
    // A string takes more room in memory than an empty one in the file: never reserve more bytes
    // than the file has left.
    let fitting = file.left() / size_of::<T>() as u64;
    let mut items = Vec::with_capacity(count.min(fitting) as usize);
    for _ in 0..count {
        items.push(T::read(file, place)?);
    }
    Ok(items)
}

macro_rules! values {
    ($($id:literal $name:ident $type:ty, $doc:literal;)*) => {
        /// The value of a key, in one of the 13 types of GGUF.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Value {
            $(#[doc = $doc] $name($type),)*
            /// Any number of values of one type.
            Array(Array),
        }

        /// The elements of [`Value::Array`]. There are no arrays of arrays: llama.cpp reads none.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Array {
            $(#[doc = $doc] $name(Vec<$type>),)*
        }

        impl Value {
            /// The number that stands for this type in a file.
            pub fn type_id(&self) -> u32 {
                match self {
                    $(Value::$name(_) => $id,)*
                    Value::Array(_) => ARRAY,
                }
            }

            pub(super) fn read(file: &mut Cursor, place: Place) -> Result<Value> {
                match file.u32(place, "the value type")? {
                    $($id => Ok(Value::$name(<$type>::read(file, place)?)),)*
                    ARRAY => Ok(Value::Array(Array::read(file, place)?)),
                    got => Err(place.error("the value type", "0 to 12", got)),
                }
            }

            pub(super) fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.type_id().to_le_bytes());
                match self {
                    $(Value::$name(value) => value.write(out),)*
                    Value::Array(array) => array.write(out),
                }
            }
        }

        impl Array {
            /// The number that stands for the type of the elements in a file.
            pub fn type_id(&self) -> u32 {
                match self { $(Array::$name(_) => $id,)* }
            }

            /// The number of elements.
            pub fn len(&self) -> usize {
                match self { $(Array::$name(items) => items.len(),)* }
            }

            /// No elements at all.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            fn read(file: &mut Cursor, place: Place) -> Result<Array> {
                let id = file.u32(place, "the array's type")?;
                let count = file.u64(place, "the array's length")?;
                match id {
                    $($id => Ok(Array::$name(read_array(file, place, count)?)),)*
                    got => Err(place.error("the array's type", "0 to 12, but not 9 (nested)", got)),
                }
            }

            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.type_id().to_le_bytes());
                out.extend_from_slice(&(self.len() as u64).to_le_bytes());
                match self {
                    $(Array::$name(items) => items.iter().for_each(|item| item.write(out)),)*
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
    7 Bool bool, "One byte, 0 or 1.";
    8 String String, "UTF-8.";
    10 U64 u64, "64 bits, unsigned.";
    11 I64 i64, "64 bits, signed.";
    12 F64 f64, "A float of 64 bits.";
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::String(value.to_owned())
    }
}

impl Value {
    /// The text, where it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The first number of an array of integers that are not negative.
    pub(super) fn first_u64(&self) -> Option<u64> {
        match self {
            Value::Array(Array::U32(items)) => items.first().map(|&v| v.into()),
            Value::Array(Array::I32(items)) => items.first().and_then(|&v| v.try_into().ok()),
            _ => None,
        }
    }

    /// The number, where it is an integer of any width that is not negative. Writers do not agree
    /// on widths, so a reader of `block_count` and the like should not insist on one.
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

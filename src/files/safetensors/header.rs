//! The header of a safetensors file, checked against the file.

use super::errors::{at_tensor, short, wrong};
use super::json;
use super::strings::Strings;
use crate::reserve::within;
use crate::{Error, Result};
use ::safetensors::Dtype;
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

/// The limit of the safetensors crate.
pub(super) const MAX_HEADER: u64 = 100_000_000;

/// The limit of one tensor's entry, in bytes: decoded JSON takes many times the memory of its text.
const MAX_ENTRY: usize = 1 << 14;

/// One tensor of a file; `begin` and `end` count from the end of the header.
#[derive(Clone, Debug)]
pub(super) struct TensorRecord {
    pub name: Box<str>,
    pub dtype: Dtype,
    pub shape: Box<[usize]>,
    pub begin: u64,
    pub end: u64,
}

/// A parsed header.
pub(super) struct FileHeader {
    /// Ordered by offset.
    pub tensors: Vec<TensorRecord>,
    /// `__metadata__`
    pub metadata: Strings,
}

/// The length of the header of a file of `file_len` bytes, from its first eight bytes.
pub(super) fn header_len(start: &[u8], file_len: u64) -> Result<u64> {
    let truncated = |what, needed, left| {
        let at = "the header".into();
        Err(Error::Truncated { at, what, needed, left })
    };
    let Some(start) = start.first_chunk::<8>() else {
        return truncated("its length", 8, file_len);
    };
    let length = u64::from_le_bytes(*start);
    let left = file_len.saturating_sub(8);
    if length > left {
        return truncated("its JSON", length, left);
    }
    within("the header", length, MAX_HEADER)?;
    Ok(length)
}

/// The header of a file from its JSON; `data` bytes follow.
pub(super) fn parse(text: &[u8], data: u64) -> Result<FileHeader> {
    let not_json = |e: serde_json::Error| header_error("its JSON", "an object", short(&e.to_string()));
    let entries = json::entries(text).map_err(not_json)?;
    unique(&entries)?;
    let mut tensors = Vec::with_capacity(entries.len());
    let mut metadata = Strings::default();
    for (name, said) in entries {
        match &name[..] {
            "__metadata__" => metadata = strings(said)?,
            _ => tensors.push(entry(name, said, data)?),
        }
    }
    tensors.sort_by_key(|t| (t.begin, t.end));
    let mut expected = 0;
    for tensor in &tensors {
        if tensor.begin != expected {
            return Err(wrong(&tensor.name, "the offset", expected, tensor.begin));
        }
        expected = tensor.end;
    }
    if expected != data {
        return Err(header_error("the bytes of its tensors", data, expected));
    }
    Ok(FileHeader { tensors, metadata })
}

/// Checks that no name occurs twice.
fn unique(entries: &[(String, &RawValue)]) -> Result<()> {
    // A header has under 2^32 bytes.
    let mut order: Vec<u32> = (0..entries.len() as u32).collect();
    let name = |i: u32| &entries[i as usize].0;
    order.sort_by(|&a, &b| name(a).cmp(name(b)));
    match order.windows(2).find(|pair| name(pair[0]) == name(pair[1])) {
        None => Ok(()),
        Some(pair) => Err(Error::Duplicate {
            at: at_tensor(name(pair[0])),
            first: pair[0] as u64,
            second: pair[1] as u64,
        }),
    }
}

fn strings(said: &RawValue) -> Result<Strings> {
    match said.get() {
        "null" => Ok(Strings::default()),
        text => serde_json::from_str(text)
            .map_err(|e| header_error("__metadata__", "an object of strings", short(&e.to_string()))),
    }
}

fn entry(name: String, said: &RawValue, data: u64) -> Result<TensorRecord> {
    let said = said.get();
    if said.len() > MAX_ENTRY {
        let expected = format!("{MAX_ENTRY} bytes at most");
        return Err(wrong(&name, "its entry", expected, said.len()));
    }
    let value: Value =
        serde_json::from_str(said).map_err(|e| wrong(&name, "its entry", "an object", short(&e.to_string())))?;
    let numbers = |key: &str| -> Result<Vec<u64>> {
        let list = value[key].as_array().map(|list| list.iter());
        list.and_then(|list| list.map(Value::as_u64).collect()).ok_or_else(|| {
            let got = short(&value[key].to_string());
            wrong(&name, key, "a list of whole numbers", got)
        })
    };
    let dtype: Dtype = serde_json::from_value(value["dtype"].clone()).map_err(|_| {
        let got = short(&value["dtype"].to_string());
        wrong(&name, "dtype", "a type of safetensors", got)
    })?;
    let (shape, offsets) = (numbers("shape")?, numbers("data_offsets")?);
    let [begin, end] = offsets[..] else {
        return Err(wrong(&name, "data_offsets", "2 numbers", offsets.len()));
    };
    if begin > end {
        return Err(wrong(&name, "the end of its data", format!("{begin} or more"), end));
    }
    if end > data {
        return Err(Error::Truncated {
            at: at_tensor(&name),
            what: "the data",
            needed: end,
            left: data,
        });
    }
    // A size that overflows, or that is not a whole number of bytes, equals no size of data.
    let bits = shape
        .iter()
        .try_fold(dtype.bitsize() as u64, |all, &dim| all.checked_mul(dim));
    let got = end - begin;
    let long = |shape: &[u64]| short(&format!("{shape:?}"));
    if bits != got.checked_mul(8) {
        let expected = match bits {
            Some(bits) => format!("{} for a shape of {}", bits.div_ceil(8), long(&shape)),
            None => format!("over 2^61 for a shape of {}", long(&shape)),
        };
        return Err(wrong(&name, "its bytes", expected, got));
    }
    let dim = |&d: &u64| usize::try_from(d).ok();
    let shape = shape.iter().map(dim).collect::<Option<_>>();
    Ok(TensorRecord {
        dtype,
        shape: shape.ok_or_else(|| wrong(&name, "a dimension", usize::MAX, "more"))?,
        begin,
        end,
        name: name.into(),
    })
}

fn header_error(what: &str, expected: impl fmt::Display, got: impl fmt::Display) -> Error {
    Error::File {
        at: "the header".into(),
        what: what.into(),
        expected: expected.to_string(),
        got: got.to_string(),
    }
}

//! The header of a safetensors file: what it says of each tensor, held against the file.

use super::tensors::{at_tensor, short};
use crate::{Error, Result};
use ::safetensors::tensor::Metadata;
use ::safetensors::Dtype;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;

/// More than this the safetensors crate refuses too.
const MAX_HEADER: u64 = 100_000_000;

/// One tensor of a file; `begin` and `end` count from the end of the header.
#[derive(Debug)]
pub(super) struct Entry {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub begin: u64,
    pub end: u64,
}

/// What the header of a file says.
pub(super) struct Header {
    /// In the order of their bytes.
    pub tensors: Vec<Entry>,
    /// `__metadata__`
    pub metadata: HashMap<String, String>,
}

/// The length of the header of a file of `file_len` bytes, from its first eight bytes.
pub(super) fn header_len(start: &[u8], file_len: u64) -> Result<u64> {
    let truncated = |what, needed, left| {
        let at = "the header".into();
        Err(Error::Truncated {
            at,
            what,
            needed,
            left,
        })
    };
    let Some(start) = start.first_chunk::<8>() else {
        return truncated("its length", 8, file_len);
    };
    let length = u64::from_le_bytes(*start);
    let left = file_len.saturating_sub(8);
    if length > left {
        return truncated("its JSON", length, left);
    }
    if length > MAX_HEADER {
        return Err(Error::TooLarge {
            what: "the header",
            needed: length,
            limit: MAX_HEADER,
        });
    }
    Ok(length)
}

/// The header of a file from its JSON; `data` bytes follow.
pub(super) fn parse(json: &[u8], data: u64) -> Result<Header> {
    let entries = Entries::read(json)?;
    let mut names = HashMap::with_capacity(entries.len());
    let mut tensors = Vec::with_capacity(entries.len());
    for (index, (name, value)) in entries.into_iter().enumerate() {
        if let Some(first) = names.insert(name.clone(), index) {
            return Err(Error::Duplicate {
                at: at_tensor(&name),
                first: first as u64,
                second: index as u64,
            });
        }
        if name != "__metadata__" {
            tensors.push(entry(name, &value, data)?);
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
    // Whatever else the crate asks of a header.
    let checked = serde_json::from_slice::<Metadata>(json)
        .map_err(|e| header_error("its JSON", "what safetensors has", short(&e.to_string())))?;
    let metadata = checked.metadata().clone().unwrap_or_default();
    Ok(Header { tensors, metadata })
}

fn entry(name: String, value: &Value, data: u64) -> Result<Entry> {
    let numbers = |key: &str| -> Result<Vec<u64>> {
        let list = value[key].as_array().map(|list| list.iter());
        list.and_then(|list| list.map(Value::as_u64).collect())
            .ok_or_else(|| {
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
        return Err(wrong(
            &name,
            "the end of its data",
            format!("{begin} or more"),
            end,
        ));
    }
    if end > data {
        return Err(Error::Truncated {
            at: at_tensor(&name),
            what: "the data",
            needed: end,
            left: data,
        });
    }
    // A size that overflows, or a last byte that is not whole, is no size of any data.
    let bits = shape
        .iter()
        .try_fold(dtype.bitsize() as u64, |all, &dim| all.checked_mul(dim));
    let got = end - begin;
    if bits != got.checked_mul(8) {
        let expected = match bits {
            Some(bits) => format!("{} for a shape of {shape:?}", bits.div_ceil(8)),
            None => format!("over 2^61 for a shape of {shape:?}"),
        };
        return Err(wrong(&name, "its bytes", expected, got));
    }
    let dim = |&d: &u64| usize::try_from(d).ok();
    let shape = shape.iter().map(dim).collect::<Option<_>>();
    Ok(Entry {
        dtype,
        shape: shape.ok_or_else(|| wrong(&name, "a dimension", usize::MAX, "more"))?,
        begin,
        end,
        name,
    })
}

/// What is wrong with a field of a tensor.
pub(super) fn wrong(
    name: &str,
    what: &str,
    expected: impl fmt::Display,
    got: impl fmt::Display,
) -> Error {
    Error::File {
        at: at_tensor(name),
        what: what.into(),
        expected: expected.to_string(),
        got: got.to_string(),
    }
}

fn header_error(what: &str, expected: impl fmt::Display, got: impl fmt::Display) -> Error {
    Error::File {
        at: "the header".into(),
        what: what.into(),
        expected: expected.to_string(),
        got: got.to_string(),
    }
}

/// A JSON object with its keys as they come: a map would keep one of two of the same name, in silence.
struct Entries;

impl Entries {
    fn read(json: &[u8]) -> Result<Vec<(String, Value)>> {
        let wrong =
            |e: serde_json::Error| header_error("its JSON", "an object", short(&e.to_string()));
        let mut reader = serde_json::Deserializer::from_slice(json);
        let entries = reader.deserialize_map(Entries).map_err(wrong)?;
        reader.end().map_err(wrong)?;
        Ok(entries)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<(String, Value)>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

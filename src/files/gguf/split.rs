//! A model in several files, as llama.cpp splits it: `model-00001-of-00003.gguf` and so on.
//!
//! The first part has the keys of the whole model; each has `split.no` (from 0), `split.count` and
//! `split.tensors.count` (of all parts), and tensors of its own.

use super::{Gguf, TensorInfo, Value};
use crate::{Error, Matrix, Result};
use std::collections::HashMap;

pub(super) const NO: &str = "split.no";
pub(super) const COUNT: &str = "split.count";
pub(super) const TENSORS: &str = "split.tensors.count";
/// The digits of a number in a part's name.
const DIGITS: usize = 5;

/// A model in one or more parts, each parsed. Tensors are borrowed from the bytes of their part.
#[derive(Clone, Debug)]
pub struct Split<'a> {
    parts: Vec<Gguf<'a>>,
    /// Part and place in it.
    names: HashMap<&'a str, (usize, usize)>,
}

/// The name of part `no` (from 0) of `count`: `part_name("model", 0, 3)` is
/// `model-00001-of-00003.gguf`.
pub fn part_name(stem: &str, no: usize, count: usize) -> String {
    format!("{stem}-{:0DIGITS$}-of-{count:0DIGITS$}.gguf", no + 1)
}

/// The names of all parts, given the name of any of them; none where it is no part's name.
pub fn part_names(name: &str) -> Option<Vec<String>> {
    let number = |text: &str| {
        // Not what a number may have beside digits: a sign.
        let digits = text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<usize>().ok().filter(|_| digits)
    };
    let (rest, count) = name.strip_suffix(".gguf")?.rsplit_once("-of-")?;
    let (stem, no) = rest.rsplit_once('-')?;
    let (no, count) = (number(no)?, number(count)?);
    let possible = 1 <= no && no <= count;
    possible.then(|| (0..count).map(|no| part_name(stem, no, count)).collect())
}

impl<'a> Split<'a> {
    /// Parses the parts of a model, in order. A file that is no part is a model of one.
    ///
    /// # Errors
    /// Those of [`Gguf::parse`]; [`Error::File`] where a part is missing or in another's place, or
    /// where the parts hold more or fewer tensors than they say; [`Error::Duplicate`] for a tensor
    /// that is in two parts.
    pub fn parse(parts: &[&'a [u8]]) -> Result<Split<'a>> {
        let parts: Vec<_> = parts
            .iter()
            .map(|bytes| Gguf::parse(bytes))
            .collect::<Result<_>>()?;
        let given = parts.len() as u64;
        let Some(first) = parts.first() else {
            return Err(wrong("the model", "the number of parts", 1, 0));
        };
        let is_split = given > 1 || first.get(COUNT).is_some();
        for (no, part) in parts.iter().enumerate().filter(|_| is_split) {
            let at = format!("part {} of {given}", no + 1);
            expect(&at, part, NO, no as u64)?;
            // Parts after the first need not say it.
            if no == 0 || part.get(COUNT).is_some() {
                expect(&at, part, COUNT, given)?;
            }
        }

        let mut names = HashMap::new();
        // How many tensors lie in the parts before each, and in all.
        let mut starts = vec![0];
        for part in &parts {
            starts.push(starts[starts.len() - 1] + part.tensors().len());
        }
        let total = starts[parts.len()];
        for (no, part) in parts.iter().enumerate() {
            for (at, tensor) in part.tensors().iter().enumerate() {
                if let Some((other, first)) = names.insert(tensor.name(), (no, at)) {
                    return Err(Error::Duplicate {
                        at: format!(
                            "tensor {:?} of parts {} and {}",
                            tensor.name(),
                            other + 1,
                            no + 1
                        ),
                        first: (starts[other] + first) as u64,
                        second: (starts[no] + at) as u64,
                    });
                }
            }
        }
        if let Some(said) = first.get(TENSORS).filter(|_| is_split) {
            if said.as_u64() != Some(total as u64) {
                return Err(wrong(
                    "all parts",
                    "the number of tensors",
                    shown(said),
                    total,
                ));
            }
        }
        Ok(Split { parts, names })
    }

    /// The parts, at least one.
    pub fn parts(&self) -> &[Gguf<'a>] {
        &self.parts
    }

    /// The model's keys and values: those of the first part, without those of the splitting.
    pub fn metadata(&self) -> impl Iterator<Item = &(&'a str, Value)> {
        let of_model = |(key, _): &&(&str, Value)| ![NO, COUNT, TENSORS].contains(key);
        self.parts[0].metadata().iter().filter(of_model)
    }

    /// The value of a key of the first part.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.parts[0].get(key)
    }

    /// The tensors of all parts, in order.
    pub fn tensors(&self) -> impl Iterator<Item = &TensorInfo<'a>> {
        self.parts.iter().flat_map(|part| part.tensors())
    }

    /// The tensor of this name, in whichever part.
    ///
    /// # Errors
    /// [`Error::NoTensor`].
    pub fn tensor(&self, name: &str) -> Result<&TensorInfo<'a>> {
        let (part, at) = self.names.get(name).ok_or_else(|| Error::NoTensor {
            name: name.to_owned(),
            count: self.names.len(),
        })?;
        Ok(&self.parts[*part].tensors()[*at])
    }

    /// As [`TensorInfo::matrix`], by name.
    ///
    /// # Errors
    /// [`Error::NoTensor`], else those of `TensorInfo::matrix`.
    pub fn matrix(&self, name: &str) -> Result<Matrix<'a>> {
        self.tensor(name)?.matrix()
    }

    /// As [`TensorInfo::to_f32`], by name.
    ///
    /// # Errors
    /// [`Error::NoTensor`], else those of `TensorInfo::to_f32`.
    pub fn to_f32(&self, name: &str) -> Result<Vec<f32>> {
        self.tensor(name)?.to_f32()
    }
}

fn expect(at: &str, part: &Gguf, key: &str, expected: u64) -> Result<()> {
    match part.get(key) {
        Some(value) if value.as_u64() == Some(expected) => Ok(()),
        Some(value) => Err(wrong(at, key, expected, shown(value))),
        None => Err(wrong(at, key, expected, "no such key")),
    }
}

fn shown(value: &Value) -> String {
    let number = value.as_u64().map(|v| v.to_string());
    number.unwrap_or_else(|| format!("a value of type {}", value.type_id()))
}

fn wrong(at: &str, what: &str, expected: impl ToString, got: impl ToString) -> Error {
    Error::File {
        at: at.to_owned(),
        what: what.to_owned(),
        expected: expected.to_string(),
        got: got.to_string(),
    }
}

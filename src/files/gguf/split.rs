//! A model that spans several files, as llama.cpp splits it: `model-00001-of-00003.gguf` and so on.
//!
//! The first part has the keys of the whole model. Each part has `split.no` (from 0), `split.count` and
//! `split.tensors.count` (the total of all parts), and its own tensors.

use super::entry::TensorEntry;
use super::factors::scale_name;
use super::key::{Key, Keys};
use super::layer::bias_name;
use super::read::Gguf;
use super::tensor::TensorView;
use crate::{Error, Linear, Matrix, Result};
use std::borrow::Cow;
use std::collections::HashMap;

pub(super) const NO: &str = "split.no";
pub(super) const COUNT: &str = "split.count";
pub(super) const TENSORS: &str = "split.tensors.count";
/// Digits of a number in a part's name.
const DIGITS: usize = 5;

/// A parsed model in one or more parts. Its tensors borrow the bytes of their part.
#[derive(Clone, Debug)]
pub struct Split<'a> {
    parts: Vec<Gguf<'a>>,
    metadata: Vec<Key<'a>>,
    /// Those of all parts.
    tensors: Vec<TensorView<'a>>,
    /// Positions in `tensors`.
    names: HashMap<Cow<'a, str>, usize>,
}

/// The name of part `no` (from 0) of `count`: `part_name("model", 0, 3)` is
/// `model-00001-of-00003.gguf`.
pub fn part_name(stem: &str, no: usize, count: usize) -> String {
    format!("{stem}-{:0DIGITS$}-of-{count:0DIGITS$}.gguf", no + 1)
}

/// The names of all parts from the name of one of them; `None` if it is not the name of a part.
pub fn part_names(name: &str) -> Option<Vec<String>> {
    let number = |text: &str| {
        // `parse` accepts a sign too.
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
    /// Parses the parts of a model, in order. A single file that is not a part is a model of one part.
    ///
    /// # Errors
    /// The errors of [`Gguf::parse`]; [`Error::File`] if a part is missing or out of order, or if the parts do not hold
    /// as many tensors as they announce; [`Error::Duplicate`] for a tensor that is in two parts.
    pub fn parse(parts: &[&'a [u8]]) -> Result<Split<'a>> {
        let mut parts: Vec<_> = parts.iter().map(|bytes| Gguf::parse(bytes)).collect::<Result<_>>()?;
        let keys: Vec<_> = parts.iter().map(|part| &part.keys).collect();
        let entries = parts.iter().map(|part| part.tensors().iter().map(|t| &t.entry));
        let names = check_parts(&keys, entries)?;
        // Weights and their factors can lie in different parts.
        let mut scales = Vec::new();
        for (no, part) in parts.iter().enumerate() {
            for (at, tensor) in part.tensors().iter().enumerate() {
                let scale = scale_name(tensor.name()).and_then(|name| names.get(&name[..]));
                scales.extend(scale.map(|&(part, place)| {
                    let scale = parts[part].tensors()[place].as_factors();
                    ((no, at), scale)
                }));
            }
        }
        for ((no, at), scale) in scales {
            parts[no].tensors[at].scale = Some(scale);
        }
        let mut starts = Vec::with_capacity(parts.len());
        let mut tensors = Vec::new();
        for (no, part) in parts.iter_mut().enumerate() {
            part.tensors.iter_mut().for_each(|tensor| tensor.entry.part = no);
            starts.push(tensors.len());
            tensors.extend_from_slice(&part.tensors);
        }
        let names = names.into_iter().map(|(name, (part, at))| (name, starts[part] + at));
        Ok(Split {
            metadata: of_model(parts[0].metadata()),
            names: names.collect(),
            tensors,
            parts,
        })
    }

    /// The parts, at least one.
    pub fn parts(&self) -> &[Gguf<'a>] {
        &self.parts
    }

    /// The model's keys: those of the first part, without those that describe the split.
    pub fn metadata(&self) -> &[Key<'a>] {
        &self.metadata
    }

    /// The key with this name, of the first part.
    pub fn get(&self, key: &str) -> Option<&Key<'a>> {
        self.parts[0].get(key)
    }

    /// The tensors of all parts, in order.
    pub fn tensors(&self) -> &[TensorView<'a>] {
        &self.tensors
    }

    /// The tensor with this name, in any part.
    ///
    /// # Errors
    /// [`Error::NoTensor`].
    pub fn tensor(&self, name: &str) -> Result<&TensorView<'a>> {
        self.find(name).ok_or_else(|| Error::NoTensor {
            name: name.to_owned(),
            count: self.tensors.len(),
        })
    }

    /// Like [`TensorView::matrix`], by name.
    ///
    /// # Errors
    /// [`Error::NoTensor`], and the errors of `TensorView::matrix`.
    pub fn matrix(&self, name: &str) -> Result<Matrix<'a>> {
        self.tensor(name)?.matrix()
    }

    /// Like [`Gguf::linear`]; weights, factors and bias can lie in different parts.
    ///
    /// # Errors
    /// The errors of `Gguf::linear`.
    pub fn linear(&self, name: &str) -> Result<Linear> {
        let bias = bias_name(name).and_then(|name| self.find(&name));
        self.tensor(name)?.linear(bias)
    }

    /// Like [`TensorView::to_f32`], by name.
    ///
    /// # Errors
    /// [`Error::NoTensor`], and the errors of `TensorView::to_f32`.
    pub fn to_f32(&self, name: &str) -> Result<Vec<f32>> {
        self.tensor(name)?.to_f32()
    }

    fn find(&self, name: &str) -> Option<&TensorView<'a>> {
        self.names.get(name).map(|&at| &self.tensors[at])
    }
}

/// The keys of a model: those of its first part without those that describe the split.
pub(super) fn of_model<'a>(keys: &[Key<'a>]) -> Vec<Key<'a>> {
    let of_split = |key: &Key| [NO, COUNT, TENSORS].contains(&key.name());
    keys.iter().filter(|key| !of_split(key)).cloned().collect()
}

/// Checks that the parts belong together; returns the part of each tensor and its position there.
pub(super) fn check_parts<'t, 'a: 't, T: Iterator<Item = &'t TensorEntry<'a>>>(
    parts: &[&Keys],
    tensors: impl Iterator<Item = T>,
) -> Result<HashMap<Cow<'a, str>, (usize, usize)>> {
    let given = parts.len() as u64;
    let Some(first) = parts.first() else {
        return Err(wrong("the model", "the number of parts", 1, 0));
    };
    // A file with a count of 0 was merged from several, and llama.cpp checks no more of it.
    let said = first.get(COUNT).and_then(Key::as_u64);
    let is_split = given > 1 || said.is_some_and(|count| count > 1);
    for (no, part) in parts.iter().enumerate().filter(|_| is_split) {
        let at = format!("part {} of {given}", no + 1);
        expect(&at, part, NO, no as u64)?;
        // Parts after the first can lack the count.
        if no == 0 || part.get(COUNT).is_some() {
            expect(&at, part, COUNT, given)?;
        }
    }
    let mut names = HashMap::new();
    // Tensors in the parts before each part.
    let (mut starts, mut total) = (Vec::new(), 0);
    for (no, tensors) in tensors.enumerate() {
        starts.push(total);
        for (at, tensor) in tensors.enumerate() {
            let (other, first) = *names.entry(tensor.key()).or_insert((no, at));
            // Names that repeat within one part are found as the first of them.
            if other != no {
                let name = tensor.name();
                return Err(Error::Duplicate {
                    at: format!("tensor {name:?} of parts {} and {}", other + 1, no + 1),
                    first: (starts[other] + first) as u64,
                    second: total as u64,
                });
            }
            total += 1;
        }
    }
    if let Some(said) = first.get(TENSORS).filter(|_| is_split)
        && said.as_u64() != Some(total as u64)
    {
        let (at, what) = ("all parts", "the number of tensors");
        return Err(wrong(at, what, shown(said), total));
    }
    Ok(names)
}

fn expect(at: &str, part: &Keys, key: &str, expected: u64) -> Result<()> {
    match part.get(key) {
        Some(value) if value.as_u64() == Some(expected) => Ok(()),
        Some(value) => Err(wrong(at, key, expected, shown(value))),
        None => Err(wrong(at, key, expected, "no such key")),
    }
}

fn shown(key: &Key) -> String {
    let number = key.as_u64().map(|v| v.to_string());
    number.unwrap_or_else(|| format!("a value of type {}", key.type_id()))
}

fn wrong(at: &str, what: &str, expected: impl ToString, got: impl ToString) -> Error {
    Error::File {
        at: at.to_owned(),
        what: what.to_owned(),
        expected: expected.to_string(),
        got: got.to_string(),
    }
}

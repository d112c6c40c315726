//! The tensors of all files of a model, by their names.

use super::header::Entry;
use super::source::Source;
use super::strings::Strings;
use super::tensor::Tensor;
use crate::{Error, Result};
use ::safetensors::Dtype;

/// What a file says of a tensor.
#[derive(Debug)]
pub struct TensorInfo {
    entry: Entry,
    /// Which of the files, and where in it its data starts.
    file: usize,
    data: u64,
}

impl TensorInfo {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.entry.name
    }

    /// The type of its numbers as safetensors calls it: `F16`, `BF16`, `I32`, `F8_E4M3`, ...
    pub fn dtype(&self) -> String {
        self.entry.dtype.to_string()
    }

    /// Its dimensions, the last one contiguous.
    pub fn shape(&self) -> &[usize] {
        &self.entry.shape
    }

    /// Bytes of its data.
    pub fn byte_len(&self) -> u64 {
        self.entry.end - self.entry.begin
    }

    pub(super) fn kind(&self) -> Dtype {
        self.entry.dtype
    }

    pub(super) fn is_float(&self) -> bool {
        matches!(self.entry.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16)
    }
}

/// All tensors, in the order of the files and of the bytes in each.
#[derive(Debug)]
pub(super) struct Tensors<'a> {
    files: Vec<Source<'a>>,
    tensors: Vec<TensorInfo>,
    /// Places in `tensors`, sorted by name; two of a name are of different files.
    names: Vec<usize>,
    /// Names that the files say are others', and the places of those.
    tied: Vec<(Box<str>, usize)>,
    /// The `__metadata__` of each file.
    metadata: Vec<Strings>,
}

impl<'a> Tensors<'a> {
    /// The tensors of all files. Of a name that is in several, that one counts which `index` says, a map from
    /// names to files.
    pub fn read(files: Vec<Source<'a>>, index: &Strings) -> Result<Tensors<'a>> {
        let mut tensors = Vec::new();
        let mut metadata = Vec::with_capacity(files.len());
        for (file, source) in files.iter().enumerate() {
            let named = |e: Error| Error::InTensor {
                name: source.name().into(),
                source: Box::new(e),
            };
            let (header, data) = source.header().map_err(named)?;
            let infos = header.tensors.into_iter();
            tensors.extend(infos.map(|entry| TensorInfo { entry, file, data }));
            metadata.push(header.metadata);
        }
        let mut all = Tensors {
            names: by_name(&tensors),
            files,
            tensors,
            tied: Vec::new(),
            metadata,
        };
        all.settle(index)?;
        all.tie();
        Ok(all)
    }

    /// Leaves one tensor of each name.
    fn settle(&mut self, index: &Strings) -> Result<()> {
        let tensors = &self.tensors;
        let mut dropped = vec![false; tensors.len()];
        let alike = |&a: &usize, &b: &usize| tensors[a].name() == tensors[b].name();
        for same in self.names.chunk_by(alike) {
            let [first, second, ..] = *same else { continue };
            let file = index.get(tensors[first].name());
            let right = |&i: &usize| Some(self.files[tensors[i].file].name()) == file;
            let Some(&kept) = same.iter().find(|i| right(i)) else {
                return Err(Error::Duplicate {
                    at: at_tensor(tensors[first].name()),
                    first: first as u64,
                    second: second as u64,
                });
            };
            same.iter().for_each(|&i| dropped[i] = i != kept);
        }
        if dropped.contains(&true) {
            let mut dropped = dropped.into_iter();
            self.tensors.retain(|_| dropped.next() == Some(false));
            self.names = by_name(&self.tensors);
        }
        Ok(())
    }

    /// Tensors that share their data are written once; the other names are in `__metadata__`, with the one
    /// that was written.
    fn tie(&mut self) {
        let mut tied = Vec::new();
        for (name, other) in self.metadata.iter().flat_map(Strings::iter) {
            if let (None, Some(place)) = (self.place(name), self.place(other)) {
                tied.push((name.into(), place));
            }
        }
        tied.sort();
        tied.dedup_by(|a, b| a.0 == b.0);
        self.tied = tied;
    }

    fn place(&self, name: &str) -> Option<usize> {
        let of = |&place: &usize| self.tensors[place].name();
        let found = self.names.binary_search_by(|place| of(place).cmp(name));
        Some(self.names[found.ok()?])
    }

    pub fn infos(&self) -> &[TensorInfo] {
        &self.tensors
    }

    pub fn info(&self, name: &str) -> Option<&TensorInfo> {
        let tied = || {
            let found = self.tied.binary_search_by(|(tied, _)| (**tied).cmp(name));
            Some(self.tied[found.ok()?].1)
        };
        self.place(name).or_else(tied).map(|place| &self.tensors[place])
    }

    /// All names, those that are others' too, each with what a file says of its tensor.
    pub fn named(&self) -> impl Iterator<Item = (&str, &TensorInfo)> {
        let own = self.tensors.iter().map(|info| (info.name(), info));
        let tied = self.tied.iter();
        own.chain(tied.map(|(name, place)| (&**name, &self.tensors[*place])))
    }

    /// What a file says beside its tensors, under this key.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.iter().find_map(|strings| strings.get(key))
    }

    /// The name of the file that a tensor lies in.
    pub fn file_of(&self, info: &TensorInfo) -> &str {
        self.files[info.file].name()
    }

    pub fn find(&self, name: &str) -> Result<Option<Tensor<'_>>> {
        let Some(info) = self.info(name) else {
            return Ok(None);
        };
        let at = info.data + info.entry.begin;
        let bytes = self.files[info.file].read(at, info.byte_len())?;
        Ok(Some(Tensor::new(info, bytes)))
    }

    pub fn tensor(&self, name: &str) -> Result<Tensor<'_>> {
        self.find(name)?.ok_or_else(|| Error::NoTensor {
            name: name.to_owned(),
            count: self.tensors.len(),
        })
    }
}

/// The places of tensors in the order of their names.
fn by_name(tensors: &[TensorInfo]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..tensors.len()).collect();
    places.sort_by(|&a, &b| tensors[a].name().cmp(tensors[b].name()));
    places
}

/// A tensor in a message: a name may be as long as the file, a message should not be.
pub(super) fn at_tensor(name: &str) -> String {
    format!("tensor {:?}", short(name))
}

pub(super) fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

//! The tensors of all files of a model, by their names.

use super::errors::at_tensor;
use super::info::TensorInfo;
use super::source::ModelFile;
use super::strings::Strings;
use super::tensor::LoadedTensor;
use crate::{Error, Result};

/// All tensors, in the order of the files and of the bytes in each.
#[derive(Clone, Debug)]
pub(super) struct Tensors<'a> {
    files: Vec<ModelFile<'a>>,
    tensors: Vec<TensorInfo>,
    /// Positions in `tensors`, sorted by name. Equal names are in different files.
    names: Vec<usize>,
    /// Other names that the files give to tensors, and the positions of these.
    tied: Vec<(Box<str>, usize)>,
    /// The `__metadata__` of each file.
    metadata: Vec<Strings>,
}

impl<'a> Tensors<'a> {
    /// Reads the tensors of all files. If several files have a name, `index`, a map from names to files, decides.
    pub fn read(files: Vec<ModelFile<'a>>, index: &Strings) -> Result<Tensors<'a>> {
        let mut tensors = Vec::new();
        let mut metadata = Vec::with_capacity(files.len());
        for (file, source) in files.iter().enumerate() {
            let named = |e: Error| match e {
                // It names the file itself.
                Error::Io { .. } => e,
                e => Error::InTensor {
                    name: source.name().into(),
                    source: Box::new(e),
                },
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

    /// Keeps one tensor of each name.
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

    /// Tensors that share data are written once; `__metadata__` maps their other names to the one that was written.
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

    /// All names, including other names of the same tensor, each with its tensor.
    pub fn named(&self) -> impl Iterator<Item = (&str, &TensorInfo)> {
        let own = self.tensors.iter().map(|info| (info.name(), info));
        let tied = self.tied.iter();
        own.chain(tied.map(|(name, place)| (&**name, &self.tensors[*place])))
    }

    /// The entries of `__metadata__`, file by file.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        self.metadata.iter().flat_map(Strings::iter)
    }

    /// The entry of `__metadata__` with this key, of the first file that has one.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.metadata.iter().find_map(|strings| strings.get(key))
    }

    /// The name of the file that a tensor lies in.
    pub fn file_of(&self, info: &TensorInfo) -> &str {
        self.files[info.file].name()
    }

    pub fn find(&self, name: &str) -> Result<Option<LoadedTensor<'_>>> {
        let Some(info) = self.info(name) else {
            return Ok(None);
        };
        let at = info.data + info.entry.begin;
        let bytes = self.files[info.file].read(at, info.byte_len())?;
        Ok(Some(LoadedTensor::new(info, bytes)))
    }

    pub fn tensor(&self, name: &str) -> Result<LoadedTensor<'_>> {
        self.find(name)?.ok_or_else(|| self.missing(name))
    }

    /// The error of a name that no tensor has.
    pub fn missing(&self, name: &str) -> Error {
        Error::NoTensor {
            name: name.to_owned(),
            count: self.tensors.len(),
        }
    }
}

/// Positions of tensors, sorted by name.
fn by_name(tensors: &[TensorInfo]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..tensors.len()).collect();
    places.sort_by(|&a, &b| tensors[a].name().cmp(tensors[b].name()));
    places
}

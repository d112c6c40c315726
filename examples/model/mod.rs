//! A model on disk, mapped into memory: GGUF in one file or several, or a safetensors file or folder.
//! Shared by the examples `inspect`, `quantize`, `compare` and `matmul`.

pub mod checkpoint;
mod safetensors;

use checkpoint::Checkpoint;

use lowbit::gguf::{Split, TensorType, Value, part_names};
use lowbit::{Format, Gpu, Matrix};
use memmap2::Mmap;
use std::fs::File;
use std::path::{Path, PathBuf};

pub type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// The files of a model. Their bytes are read on access.
pub struct Files {
    /// The path that the caller gave.
    asked: PathBuf,
    paths: Vec<PathBuf>,
    maps: Vec<Mmap>,
}

impl Files {
    /// Maps a file, with the other parts where it is one of several, or the files of a folder.
    pub fn open(path: &Path) -> Fallible<Files> {
        let paths = paths(path)?;
        let maps = paths.iter().map(|path| map(path));
        let maps = maps.collect::<Fallible<_>>()?;
        let asked = path.to_owned();
        Ok(Files { asked, paths, maps })
    }

    /// The bytes of each file.
    pub fn bytes(&self) -> Vec<&[u8]> {
        self.maps.iter().map(|map| &map[..]).collect()
    }

    /// All tensors. The first bytes tell which kind of file it is.
    pub fn parse(&self) -> Fallible<Model<'_>> {
        let bytes = self.bytes();
        if bytes.first().is_some_and(|b| b.starts_with(b"GGUF")) {
            let split = Split::parse(&bytes).map_err(|e| self.named(&e))?;
            return Ok(Model::of_gguf(split));
        }
        let checkpoint = self.checkpoint()?;
        let packed = !checkpoint.packed().is_empty();
        let tensors = if packed {
            Vec::new()
        } else {
            safetensors::plain(&self.paths, &bytes, &checkpoint).map_err(|e| self.named(&*e))?
        };
        Ok(Model {
            kind: "safetensors",
            metadata: Vec::new(),
            tensors,
            gguf: None,
            checkpoint: packed.then_some(checkpoint),
        })
    }

    /// The layers of safetensors files, by the configuration next to them.
    pub fn checkpoint(&self) -> Fallible<Checkpoint<'static>> {
        Ok(Checkpoint::open(&self.asked).map_err(|e| self.named(&*e))?)
    }

    fn named(&self, e: &dyn std::fmt::Display) -> String {
        format!("{}: {e}", self.asked.display())
    }

    /// Bytes of all files.
    pub fn len(&self) -> u64 {
        self.maps.iter().map(|map| map.len() as u64).sum()
    }

    /// The folder that the files lie in.
    pub fn folder(&self) -> &Path {
        let parent = match self.paths.first() {
            Some(first) => first.parent(),
            None => Some(self.asked.as_path()),
        };
        // The parent of a bare file name is empty.
        let named = parent.filter(|folder| !folder.as_os_str().is_empty());
        named.unwrap_or(Path::new("."))
    }
}

fn paths(path: &Path) -> Fallible<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(parts(path));
    }
    let of = |extension: &str| -> Fallible<Vec<PathBuf>> {
        let mut found: Vec<PathBuf> = std::fs::read_dir(path)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|p| p.extension().is_some_and(|e| e == extension))
            .collect();
        found.sort();
        Ok(found)
    };
    if !of("safetensors")?.is_empty() {
        return Ok(lowbit::safetensors::files(path)?);
    }
    // Several GGUF files in a folder are several models, unless they are parts of one.
    let found = of("gguf")?;
    match found.first() {
        None => Err(format!("{} has no .safetensors or .gguf file", path.display()).into()),
        Some(first) if found.len() == 1 || parts(first) == found => Ok(found),
        Some(_) => Err(format!("{} has several models", path.display()).into()),
    }
}

/// All parts of the model that this file is a part of.
fn parts(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str());
    match name.and_then(part_names) {
        Some(names) => names.iter().map(|name| path.with_file_name(name)).collect(),
        None => vec![path.to_owned()],
    }
}

fn map(path: &Path) -> Fallible<Mmap> {
    let named = |e: std::io::Error| format!("{}: {e}", path.display());
    // Checked before opening, because opening a pipe blocks.
    let metadata = std::fs::metadata(path).map_err(named)?;
    if !metadata.is_file() {
        return Err(format!("{} is not a regular file", path.display()).into());
    }
    if metadata.len() == 0 {
        return Err(format!("{} is empty", path.display()).into());
    }
    let file = File::open(path).map_err(named)?;
    // SAFETY: the bytes are only read. If another program changes the file meanwhile, wrong numbers are
    // the worst outcome: every read is checked against the length of the map.
    #[allow(unsafe_code)]
    let map = unsafe { Mmap::map(&file) }.map_err(named)?;
    Ok(map)
}

/// The contents of a model.
pub struct Model<'a> {
    pub kind: &'static str,
    /// Keys of a GGUF file; empty for safetensors.
    pub metadata: Vec<(String, Value)>,
    pub tensors: Vec<Tensor<'a>>,
    /// Present for GGUF.
    pub gguf: Option<Split<'a>>,
    /// Present for safetensors with packed layers; it then has everything, and `tensors` is empty.
    pub checkpoint: Option<Checkpoint<'a>>,
}

/// One tensor of either container.
#[derive(Clone)]
pub struct Tensor<'a> {
    pub name: String,
    /// In ggml's order, the row length k first.
    pub dims: Vec<u64>,
    pub kind: TensorType,
    pub data: &'a [u8],
}

impl<'a> Model<'a> {
    fn of_gguf(split: Split<'a>) -> Model<'a> {
        let metadata = split.metadata().iter();
        let metadata = metadata.map(|key| (key.name().to_owned(), key.value()));
        let tensors = split.tensors().iter().filter_map(|t| {
            Some(Tensor {
                name: t.name().to_owned(),
                dims: t.dims().to_vec(),
                // The reader has refused unknown types.
                kind: TensorType::from_id(t.type_id())?,
                data: t.data(),
            })
        });
        Model {
            kind: "GGUF",
            metadata: metadata.collect(),
            tensors: tensors.collect(),
            gguf: Some(split),
            checkpoint: None,
        }
    }

    /// The tensor of this name, or an error with similar names.
    pub fn tensor(&self, name: &str) -> Fallible<&Tensor<'a>> {
        if let Some(tensor) = self.tensors.iter().find(|t| t.name == name) {
            return Ok(tensor);
        }
        let names: Vec<&str> = self.tensors.iter().map(|t| &t.name[..]).collect();
        Err(no_such("tensor", name, &names).into())
    }
}

/// The message for an unknown name: similar names, otherwise their number and the first ones.
pub fn no_such(what: &str, name: &str, names: &[&str]) -> String {
    let alike = |n: &&&str| n.contains(name) || name.contains(**n);
    let alike: Vec<&str> = names.iter().filter(alike).copied().collect();
    match (&alike[..], names) {
        ([], names) if names.len() > 20 => {
            let first = names[..20].join(", ");
            format!("no {what} {name:?} among the {}: {first}, ...", names.len())
        }
        ([], names) => format!("no {what} {name:?}; there is {}", names.join(", ")),
        (alike, _) => format!("no {what} {name:?}; there is {}", alike.join(", ")),
    }
}

impl Tensor<'_> {
    pub fn count(&self) -> u64 {
        self.dims.iter().product()
    }

    /// Rows of `dims[0]`.
    pub fn rows(&self) -> u64 {
        self.dims.iter().skip(1).product()
    }

    pub fn matrix(&self) -> Fallible<Matrix<'_>> {
        let unknown = || format!("{}: lowbit does not decode {}", self.name, self.kind.name);
        let format = Format::from_gguf(self.kind.id).ok_or_else(unknown)?;
        let k = self.dims.first().copied().unwrap_or(1);
        Ok(Matrix::from_bytes(
            format,
            usize::try_from(self.rows())?,
            usize::try_from(k)?,
            self.data,
        )?)
    }

    /// Its numbers, decoded on the processor.
    pub fn to_f32(&self) -> Fallible<Vec<f32>> {
        match self.kind.to_f32(self.data) {
            Some(numbers) => Ok(numbers),
            None => Ok(self.matrix()?.dequantize()),
        }
    }

    /// Its numbers, decoded by the GPU; plain types need no decoding.
    pub fn to_f32_on(&self, gpu: &Gpu) -> Fallible<Vec<f32>> {
        match self.kind.to_f32(self.data) {
            Some(numbers) => Ok(numbers),
            None => Ok(gpu.dequantize(&gpu.upload(&self.matrix()?)?)?),
        }
    }
}

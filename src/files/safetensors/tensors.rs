//! The tensors of all files of a model, and the bytes of each.

use super::header::{self, wrong, Entry};
use super::source::Source;
use crate::layouts::Scales;
use crate::{Error, Result, ScaleType};
use ::safetensors::Dtype;
use std::borrow::Cow;
use std::collections::HashMap;

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
    names: HashMap<String, usize>,
    /// The `__metadata__` of all files.
    metadata: HashMap<String, String>,
}

impl<'a> Tensors<'a> {
    pub fn read(files: Vec<Source<'a>>) -> Result<Tensors<'a>> {
        let (mut tensors, mut names) = (Vec::new(), HashMap::new());
        let mut metadata = HashMap::new();
        for (file, source) in files.iter().enumerate() {
            let named = |e: Error| Error::InTensor {
                name: source.name().into(),
                source: Box::new(e),
            };
            let length = source.len().map_err(named)?;
            let start = source.read(0, length.min(8)).map_err(named)?;
            let json_len = header::header_len(&start, length).map_err(named)?;
            let json = source.read(8, json_len).map_err(named)?;
            let data = 8 + json_len;
            let parsed = header::parse(&json, length - data).map_err(named)?;
            metadata.extend(parsed.metadata);
            for entry in parsed.tensors {
                if let Some(first) = names.insert(entry.name.clone(), tensors.len()) {
                    return Err(Error::Duplicate {
                        at: at_tensor(&entry.name),
                        first: first as u64,
                        second: tensors.len() as u64,
                    });
                }
                tensors.push(TensorInfo { entry, file, data });
            }
        }
        Ok(Tensors {
            files,
            tensors,
            names,
            metadata,
        })
    }

    pub fn infos(&self) -> &[TensorInfo] {
        &self.tensors
    }

    pub fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.names.get(name).map(|&at| &self.tensors[at])
    }

    /// What the files say beside their tensors, under this key.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
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
        let shape = Cow::Borrowed(info.shape());
        Ok(Some(Tensor { info, shape, bytes }))
    }

    pub fn tensor(&self, name: &str) -> Result<Tensor<'_>> {
        self.find(name)?.ok_or_else(|| Error::NoTensor {
            name: name.to_owned(),
            count: self.tensors.len(),
        })
    }
}

/// A tensor and its bytes: borrowed where the file is in memory, read where it is not.
pub(super) struct Tensor<'m> {
    info: &'m TensorInfo,
    shape: Cow<'m, [usize]>,
    pub bytes: Cow<'m, [u8]>,
}

impl<'m> Tensor<'m> {
    pub fn name(&self) -> &str {
        self.info.name()
    }

    pub fn dtype(&self) -> Dtype {
        self.info.entry.dtype
    }

    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The same numbers, or those in `bytes`, as a tensor of another shape.
    pub fn reshaped(mut self, shape: Vec<usize>, bytes: Option<Vec<u8>>) -> Self {
        self.shape = Cow::Owned(shape);
        self.bytes = bytes.map_or(self.bytes, Cow::Owned);
        self
    }

    /// That it is of one of these types.
    pub fn typed(self, allowed: &[Dtype]) -> Result<Self> {
        if allowed.contains(&self.dtype()) {
            return Ok(self);
        }
        let names: Vec<_> = allowed.iter().map(Dtype::to_string).collect();
        Err(wrong(
            self.name(),
            "dtype",
            names.join(" or "),
            self.dtype(),
        ))
    }

    /// Its dimensions, if there are as many.
    pub fn dims<const N: usize>(&self) -> Result<[usize; N]> {
        <[usize; N]>::try_from(self.shape()).map_err(|_| {
            let got = format!("{} in {:?}", self.shape().len(), self.shape());
            wrong(self.name(), "dimensions", N, got)
        })
    }

    /// That it has this shape.
    pub fn shaped(self, shape: &[usize]) -> Result<Self> {
        match self.shape() == shape {
            true => Ok(self),
            false => {
                let (expected, got) = (format!("{shape:?}"), format!("{:?}", self.shape()));
                Err(wrong(self.name(), "shape", expected, got))
            }
        }
    }

    /// Its numbers as floats of their type.
    pub fn scales(&self) -> Result<Scales<'_>> {
        let kind = match self.dtype() {
            Dtype::F32 => ScaleType::F32,
            Dtype::F16 => ScaleType::F16,
            Dtype::BF16 => ScaleType::BF16,
            Dtype::F8_E4M3 => ScaleType::E4M3,
            Dtype::F8_E8M0 => ScaleType::E8M0,
            other => return Err(wrong(self.name(), "dtype", "a float type", other)),
        };
        Ok(Scales::new(kind, &self.bytes))
    }

    /// Its bytes as powers of two, which tools store as u8 too.
    pub fn powers(&self) -> Result<Scales<'_>> {
        match self.dtype() {
            Dtype::U8 | Dtype::F8_E8M0 => Ok(Scales::new(ScaleType::E8M0, &self.bytes)),
            other => Err(wrong(self.name(), "dtype", "U8 or F8_E8M0", other)),
        }
    }

    /// Its numbers as f32, each finite.
    pub fn finite(&self) -> Result<Vec<f32>> {
        let values = self.scales()?.to_vec();
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(values),
            Some(i) => Err(wrong(
                self.name(),
                &format!("number {i}"),
                "finite",
                values[i],
            )),
        }
    }

    /// The one float that it holds.
    pub fn single(&self) -> Result<f32> {
        match self.finite()?[..] {
            [value] => Ok(value),
            ref values => Err(wrong(self.name(), "its numbers", 1, values.len())),
        }
    }

    /// Whole numbers, not negative.
    pub fn counts(&self) -> Result<Vec<usize>> {
        let width = match self.dtype() {
            Dtype::U8 | Dtype::BOOL => 1,
            Dtype::I32 | Dtype::U32 => 4,
            Dtype::I64 | Dtype::U64 => 8,
            other => {
                return Err(wrong(
                    self.name(),
                    "dtype",
                    "a type of whole numbers",
                    other,
                ))
            }
        };
        let values = self.bytes.chunks_exact(width).map(|bytes| {
            let mut wide = [0u8; 8];
            wide[..width].copy_from_slice(bytes);
            u64::from_le_bytes(wide)
        });
        // A negative number is one of the largest.
        let limit = if width == 8 {
            i64::MAX as u64
        } else {
            i32::MAX as u64
        };
        values
            .map(|v| match usize::try_from(v) {
                Ok(count) if v <= limit => Ok(count),
                _ => Err(wrong(self.name(), "a number", format!("0 to {limit}"), v)),
            })
            .collect()
    }
}

/// A tensor in a message: a name may be as long as the file, a message should not be.
pub(super) fn at_tensor(name: &str) -> String {
    format!("tensor {:?}", short(name))
}

pub(super) fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

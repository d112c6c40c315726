//! A GGUF file in memory.

use super::cursor::{Cursor, Place};
use super::tensor::TensorInfo;
use super::{check_alignment, Value, ALIGNMENT_KEY, DEFAULT_ALIGNMENT, MAGIC, VERSION};
use crate::{Error, Linear, Matrix, OutputScale, Result};
use std::collections::HashMap;

/// The fewest bytes of a key (length, one byte of name, type, one byte of value) and of a
/// tensor's entry (length, number of dimensions, type, offset).
const LEAST_KEY: u64 = 8 + 1 + 4 + 1;
const LEAST_TENSOR: u64 = 8 + 4 + 4 + 8;

/// A parsed file. Tensors are borrowed from the bytes it was parsed from.
#[derive(Clone, Debug)]
pub struct Gguf<'a> {
    version: u32,
    alignment: u32,
    metadata: Vec<(&'a str, Value)>,
    keys: HashMap<&'a str, usize>,
    tensors: Vec<TensorInfo<'a>>,
    names: HashMap<&'a str, usize>,
}

impl<'a> Gguf<'a> {
    /// Parses a file. The bytes may be a memory map: only what comes before the data is touched.
    ///
    /// # Errors
    /// [`Error::Truncated`] where the file ends early, [`Error::File`] for whatever else
    /// llama.cpp would refuse, [`Error::Duplicate`] for a key or tensor that is there twice.
    pub fn parse(bytes: &'a [u8]) -> Result<Gguf<'a>> {
        let mut file = Cursor::new(bytes);
        let version = read_version(&mut file)?;
        let n_tensors = file.u64(Place::Header, "the number of tensors")?;
        let n_keys = file.u64(Place::Header, "the number of keys")?;
        let keys_need = n_keys.saturating_mul(LEAST_KEY);
        let tensors_need = n_tensors.saturating_mul(LEAST_TENSOR);
        file.check(keys_need, Place::Header, "the keys it counts")?;
        file.check(tensors_need, Place::Header, "the tensors it counts")?;

        let mut parsed = Gguf {
            version,
            alignment: DEFAULT_ALIGNMENT,
            // Nothing is reserved by these counts: entries take more room here than in the file.
            metadata: Vec::new(),
            keys: HashMap::new(),
            tensors: Vec::new(),
            names: HashMap::new(),
        };
        for index in 0..n_keys {
            parsed.read_key(&mut file, index)?;
        }
        if let Some(value) = parsed.get(ALIGNMENT_KEY) {
            parsed.alignment = check_alignment(value)?;
        }
        for index in 0..n_tensors {
            let tensor = TensorInfo::read(&mut file, index)?;
            if let Some(first) = parsed.names.insert(tensor.name(), parsed.tensors.len()) {
                return Err(duplicate(Place::Tensor(tensor.name()), first as u64, index));
            }
            parsed.tensors.push(tensor);
        }
        if let Err(error) = parsed.place_data(file.clone()) {
            // Only where the file fits no other way: its sizes may be those of the older Q2_0.
            let mut older = parsed.clone();
            let tensors = older.tensors.iter_mut();
            let changed = tensors.filter_map(TensorInfo::take_older_q2_0).count();
            if changed == 0 || older.place_data(file).is_err() {
                return Err(error);
            }
            parsed = older;
        }
        Ok(parsed)
    }

    fn read_key(&mut self, file: &mut Cursor<'a>, index: u64) -> Result<()> {
        let key = file.name(Place::KeyAt(index), "the name")?;
        if key.is_empty() {
            return Err(Place::KeyAt(index).error("the name", "at least 1 byte", "0 bytes"));
        }
        if let Some(first) = self.keys.insert(key, self.metadata.len()) {
            return Err(duplicate(Place::Key(key), first as u64, index));
        }
        let value = Value::read(file, Place::Key(key))?;
        self.metadata.push((key, value));
        Ok(())
    }

    /// Gives each tensor its bytes. They must follow each other without gaps but for padding, as
    /// llama.cpp asks: then none overlap.
    fn place_data(&mut self, mut file: Cursor<'a>) -> Result<()> {
        let alignment = self.alignment as u64;
        // Positions are under 2^63, since slices are.
        let mut padding = file.position().next_multiple_of(alignment) - file.position();
        let mut expected = 0u64;
        for tensor in &mut self.tensors {
            let place = Place::Tensor(tensor.name());
            if tensor.offset() != expected {
                return Err(place.error("the offset", expected, tensor.offset()));
            }
            file.take(padding, place, "the padding before the data")?;
            tensor.data = file.take(tensor.byte_len(), place, "the data")?;
            // Cannot overflow: both are at most the length of a slice.
            let end = expected + tensor.byte_len();
            expected = end.next_multiple_of(alignment);
            padding = expected - end;
        }
        Ok(())
    }

    /// The version of the container, 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Tensors start at multiples of this many bytes.
    pub fn alignment(&self) -> u32 {
        self.alignment
    }

    /// All keys and their values, in the file's order.
    pub fn metadata(&self) -> &[(&'a str, Value)] {
        &self.metadata
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.keys.get(key).map(|&at| &self.metadata[at].1)
    }

    /// All tensors, in the file's order.
    pub fn tensors(&self) -> &[TensorInfo<'a>] {
        &self.tensors
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo<'a>> {
        self.names.get(name).map(|&at| &self.tensors[at])
    }

    /// The bytes of a tensor, without padding.
    pub fn data(&self, tensor: &TensorInfo<'a>) -> &'a [u8] {
        tensor.data
    }

    /// The tensor of this name as a matrix over the file's own bytes: k is its first dimension, n
    /// the product of the others (1 if there are none), so that experts lie one after the other.
    ///
    /// # Errors
    /// [`Error::NoTensor`], [`Error::TensorType`] where lowbit does not decode its type, and
    /// [`Error::BadScale`] where a scale, or a weight that is a float itself, is not finite.
    pub fn matrix(&self, name: &str) -> Result<Matrix<'a>> {
        self.named(name)?.matrix()
    }

    /// The layer whose weights are `name`, copied out of the file: the matrix, the factor in the tensor
    /// `.scale` beside it that NVFP4 has (`X.weight` and `X.scale`), and its bias (`X.bias`).
    ///
    /// # Errors
    /// Those of `matrix`; [`Error::Part`] and [`Error::InTensor`] where scale or bias do not fit.
    pub fn linear(&self, name: &str) -> Result<Linear> {
        let matrix = self.matrix(name)?;
        let mut linear = Linear::new(matrix.into_owned());
        let Some(stem) = name.strip_suffix(".weight") else {
            return Ok(linear);
        };
        let beside = |part: &str| self.tensor(&format!("{stem}.{part}"));
        let named = |tensor: &TensorInfo, e: Error| Error::InTensor {
            name: tensor.name().to_owned(),
            source: Box::new(e),
        };
        if let Some(scale) = beside("scale") {
            let [factor] = scale.to_f32()?[..] else {
                let got = format!("{:?}", scale.dims());
                return Err(crate::linear::part(scale.name(), "its shape", "[1]", got));
            };
            let with = linear.with_scale(OutputScale::Multiply(factor));
            linear = with.map_err(|e| named(scale, e))?;
        }
        if let Some(bias) = beside("bias") {
            let with = linear.with_bias(bias.to_f32()?);
            linear = with.map_err(|e| named(bias, e))?;
        }
        Ok(linear)
    }

    /// The numbers of the tensor of this name, converted or decoded: see [`TensorInfo::to_f32`].
    ///
    /// # Errors
    /// [`Error::NoTensor`], and [`Error::TensorType`] where lowbit does not decode its type.
    pub fn to_f32(&self, name: &str) -> Result<Vec<f32>> {
        self.named(name)?.to_f32()
    }

    fn named(&self, name: &str) -> Result<&TensorInfo<'a>> {
        self.tensor(name).ok_or_else(|| Error::NoTensor {
            name: name.to_owned(),
            count: self.tensors.len(),
        })
    }
}

fn read_version(file: &mut Cursor) -> Result<u32> {
    let magic: [u8; 4] = file.array(Place::Header, "the magic number")?;
    if magic != MAGIC {
        let show = |magic: [u8; 4]| format!("{magic:02x?}");
        return Err(Place::Header.error("the magic number", show(MAGIC), show(magic)));
    }
    let version = file.u32(Place::Header, "the version")?;
    match version {
        2 | VERSION => Ok(version),
        // A version of less than 2^16 written in the other byte order.
        v if v != 0 && v & 0xffff == 0 => Err(Place::Header.error(
            "the version",
            "2 or 3 in little-endian",
            format!("{v:#x}, {} in big-endian", v.swap_bytes()),
        )),
        v => Err(Place::Header.error("the version", "2 or 3", v)),
    }
}

fn duplicate(place: Place, first: u64, second: u64) -> Error {
    Error::Duplicate {
        at: place.to_string(),
        first,
        second,
    }
}

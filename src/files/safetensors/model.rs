//! `Model`: a checkpoint as a whole.

use super::errors::{short, wrong};
use super::info::TensorInfo;
use super::layer::{FLOATS, LayerSource};
use super::method::Method;
use super::source::ModelFile;
use super::strings::Strings;
use super::tensors::Tensors;
use super::{methods, packed, settings};
use crate::{Error, Linear, Result};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A checkpoint: its tensors, and the method that its layers were quantized with.
#[derive(Clone, Debug)]
pub struct Model<'a> {
    method: Method,
    /// The settings of the method in the configuration.
    quantization: Value,
    tensors: Tensors<'a>,
}

impl<'a> Model<'a> {
    /// Makes a model from bytes: the text of its `config.json` (empty if there is none), and the name and bytes of each
    /// file. The bytes can be memory maps; tensors borrow them.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an unknown `quant_method`; [`Error::Truncated`], [`Error::File`] and [`Error::Duplicate`]
    /// for invalid files.
    pub fn from_parts(config: &str, files: &[(&str, &'a [u8])]) -> Result<Model<'a>> {
        let config = if config.trim().is_empty() {
            Value::Null
        } else {
            settings::of_text(config.as_bytes())?
        };
        let files = files.iter().map(|&(name, bytes)| ModelFile::Bytes {
            name: name.into(),
            bytes,
        });
        Model::new(&config, files.collect(), &Strings::default())
    }

    pub(super) fn new(config: &Value, files: Vec<ModelFile<'a>>, index: &Strings) -> Result<Model<'a>> {
        let (method, quantization) = Method::of(config)?;
        Ok(Model {
            method,
            quantization,
            tensors: Tensors::read(files, index)?,
        })
    }

    /// The method that the layers were quantized with.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The entries of the files' `__metadata__`.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tensors.metadata()
    }

    /// The entry of `__metadata__` with this key, of the first file that has one.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.tensors.get(key)
    }

    /// All tensors, file by file, ordered by offset.
    pub fn tensors(&self) -> &[TensorInfo] {
        self.tensors.infos()
    }

    /// The tensor with this name. Tied weights are written once: other names that `__metadata__` gives to a tensor
    /// find it too, here and in the other functions.
    ///
    /// # Errors
    /// [`Error::NoTensor`].
    pub fn tensor(&self, name: &str) -> Result<&TensorInfo> {
        self.tensors.info(name).ok_or_else(|| self.tensors.missing(name))
    }

    /// The bytes of a tensor: borrowed if the file is in memory, read if it is on disk.
    ///
    /// # Errors
    /// [`Error::NoTensor`]; [`Error::Io`] and [`Error::Truncated`] if its file cannot be read.
    pub fn data(&self, name: &str) -> Result<Cow<'_, [u8]>> {
        Ok(self.tensors.tensor(name)?.bytes)
    }

    /// The numbers of a tensor that is not quantized (F32, F16, BF16): norms, embeddings, biases.
    ///
    /// # Errors
    /// The errors of [`data`](Model::data), and [`Error::File`] if the tensor has another type.
    pub fn to_f32(&self, name: &str) -> Result<Vec<f32>> {
        let tensor = self.tensors.tensor(name)?;
        Ok(tensor.typed(FLOATS)?.scales()?.to_vec())
    }

    /// The name of the file that a tensor lies in.
    pub fn file_of(&self, tensor: &TensorInfo) -> &str {
        self.tensors.file_of(tensor)
    }

    /// The sorted names of all layers that [`linear`](Model::linear) takes: quantized layers, and plain matrices
    /// including embeddings.
    ///
    /// Layers that lack a tensor or are packed in an unknown way are listed too, so that reading them reports the
    /// error.
    pub fn linears(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        for (name, tensor) in self.tensors.named() {
            if methods::is_part(self.method, &self.quantization, name) {
                continue;
            }
            let marked = self.method.marked(name);
            let plain = name.strip_suffix(".weight");
            let plain = plain.filter(|_| tensor.is_float() && tensor.shape().len() == 2);
            let packed = packed::layer_of(tensor).map(|(layer, _)| layer);
            names.extend(marked.or(plain).or(packed).map(str::to_owned));
        }
        names.into_iter().collect()
    }

    /// Whether a layer is packed rather than a matrix of plain floats.
    pub fn is_packed(&self, name: &str) -> bool {
        let layer = self.layer(name, None);
        let weight = self.tensors.info(&format!("{name}.weight"));
        methods::is_packed(&layer) || !weight.is_some_and(TensorInfo::is_float)
    }

    /// The linear layer with this name: that of its tensors without `.weight`, `.qweight`, ...
    ///
    /// # Errors
    /// [`Error::NoTensor`] if the layer lacks a tensor, [`Error::File`] if one has the wrong type or shape,
    /// [`Error::InTensor`] if lengths or numbers do not fit each other, [`Error::BadScale`] for a NaN or infinite scale.
    pub fn linear(&self, name: &str) -> Result<Linear> {
        let layer = self.layer(name, None);
        self.checked(name, methods::linear(&layer))
    }

    /// Like [`linear`](Model::linear), for layers whose files do not store the shape: quanto's layers of 2 and 4 bits
    /// without a bias.
    ///
    /// # Errors
    /// The errors of `linear`.
    pub fn linear_of(&self, name: &str, n: usize, k: usize) -> Result<Linear> {
        let layer = self.layer(name, Some((n, k)));
        let linear = self.checked(name, methods::linear(&layer))?;
        if (linear.n(), linear.k()) != (n, k) {
            let got = format!("[{}, {}]", linear.n(), linear.k());
            return Err(wrong(name, "shape", format!("[{n}, {k}]"), got));
        }
        Ok(linear)
    }

    fn layer<'m>(&'m self, name: &'m str, shape: Option<(usize, usize)>) -> LayerSource<'m> {
        LayerSource {
            method: self.method,
            quantization: &self.quantization,
            tensors: &self.tensors,
            name,
            shape,
        }
    }

    fn checked(&self, name: &str, linear: Result<Linear>) -> Result<Linear> {
        let linear = linear.map_err(|e| match e {
            // These errors name the tensor themselves.
            Error::File { .. } | Error::NoTensor { .. } | Error::Truncated { .. } => e,
            Error::Io { .. } | Error::Unknown { .. } => e,
            e => Error::InTensor {
                name: short(name),
                source: Box::new(e),
            },
        })?;
        linear.matrix().validate(&short(name))?;
        Ok(linear)
    }
}

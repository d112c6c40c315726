//! safetensors checkpoints of other tools: each of their linear layers as a [`Linear`].
//!
//! ```no_run
//! let model = lowbit::safetensors::Model::open("Qwen2.5-7B-Instruct-GPTQ-Int4")?;
//! println!("{}", model.method().name()); // gptq
//! for name in model.linears() {
//!     let linear = model.linear(&name)?;
//!     println!("{name}: {} x {}, {}", linear.n(), linear.k(), linear.matrix().format());
//! }
//! let norm = model.tensor_f32("model.norm.weight")?;
//! # Ok::<(), lowbit::Error>(())
//! ```
//!
//! How a model was quantized is read from the `quantization_config` of its `config.json` (MLX:
//! `quantization`), or from the file that its tool wrote in its place; which of its layers are, and how each, from the names, types and shapes of its tensors.
//! Layers that are not are [plain floats](crate::layouts::Floats).
//!
//! No number in a file is trusted: sizes are compared with the file before anything is read, a layer
//! is checked against the layout it should have, and scales that are infinite or not a number are
//! refused. Each error names the tensor and both numbers.

mod foreign;
mod header;
mod json;
mod layer;
mod method;
mod methods;
mod open;
mod overrides;
mod packed;
mod pattern;
mod settings;
mod source;
mod strings;
mod tensor;
mod tensors;

pub use method::Method;
pub use open::files;
pub use tensors::TensorInfo;

use crate::{Error, Linear, Result};
use layer::Layer;
use serde_json::Value;
use source::Source;
use std::borrow::Cow;
use std::collections::BTreeSet;
use strings::Strings;
use tensors::Tensors;

/// A checkpoint: its tensors, and how its layers were quantized.
#[derive(Debug)]
pub struct Model<'a> {
    method: Method,
    /// What its configuration says of the method.
    quantization: Value,
    tensors: Tensors<'a>,
}

impl<'a> Model<'a> {
    /// A model out of bytes: the text of its `config.json` (empty where there is none) and the name
    /// and bytes of each file, which may be memory maps: tensors are borrowed from them.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a `quant_method` that is not read; [`Error::Truncated`],
    /// [`Error::File`] and [`Error::Duplicate`] for files that are not what they say.
    pub fn from_parts(config: &str, files: &[(&str, &'a [u8])]) -> Result<Model<'a>> {
        let config = if config.trim().is_empty() {
            Value::Null
        } else {
            settings::of_text(config.as_bytes())?
        };
        let files = files.iter().map(|&(name, bytes)| Source::Bytes {
            name: name.into(),
            bytes,
        });
        Model::new(&config, files.collect(), &Strings::default())
    }

    fn new(config: &Value, files: Vec<Source<'a>>, index: &Strings) -> Result<Model<'a>> {
        let (method, quantization) = Method::of(config)?;
        Ok(Model {
            method,
            quantization,
            tensors: Tensors::read(files, index)?,
        })
    }

    /// How its layers were quantized.
    pub fn method(&self) -> Method {
        self.method
    }

    /// All tensors, in the order of the files and of their bytes.
    pub fn tensors(&self) -> &[TensorInfo] {
        self.tensors.infos()
    }

    /// The bytes of a tensor. Names that `__metadata__` says to be others' (of tied weights, which are written
    /// once) stand for those, here and in the other functions.
    ///
    /// # Errors
    /// [`Error::NoTensor`]; [`Error::Io`] and [`Error::Truncated`] where its file cannot be read.
    pub fn tensor(&self, name: &str) -> Result<Cow<'_, [u8]>> {
        Ok(self.tensors.tensor(name)?.bytes)
    }

    /// The numbers of a tensor that is not quantized (F32, F16, BF16): norms, embeddings, biases.
    ///
    /// # Errors
    /// Those of [`tensor`](Model::tensor), and [`Error::File`] where it is of another type.
    pub fn tensor_f32(&self, name: &str) -> Result<Vec<f32>> {
        let tensor = self.tensors.tensor(name)?;
        Ok(tensor.typed(layer::FLOATS)?.scales()?.to_vec())
    }

    /// The name of the file that a tensor lies in.
    pub fn file_of(&self, tensor: &TensorInfo) -> &str {
        self.tensors.file_of(tensor)
    }

    /// The names of all layers that [`linear`](Model::linear) takes, sorted: those that are quantized,
    /// and those of two dimensions that are not, embeddings among them.
    ///
    /// A layer that lacks a tensor, or is packed in a way that is not read, is there too, so that asking for
    /// it says so.
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

    /// Whether a layer is packed, and not a matrix of plain floats.
    pub fn is_packed(&self, name: &str) -> bool {
        let layer = Layer::new(self, name, None);
        let weight = self.tensors.info(&format!("{name}.weight"));
        methods::is_packed(&layer) || !weight.is_some_and(TensorInfo::is_float)
    }

    /// A linear layer by its name, which is that of its tensors without `.weight`, `.qweight`, ...
    ///
    /// # Errors
    /// [`Error::NoTensor`] where it lacks a tensor, [`Error::File`] where one is of the wrong type or
    /// shape, [`Error::InTensor`] where lengths or numbers do not fit each other, [`Error::BadScale`].
    pub fn linear(&self, name: &str) -> Result<Linear> {
        let layer = Layer::new(self, name, None);
        self.checked(name, methods::linear(&layer))
    }

    /// As [`linear`](Model::linear), for layers whose files do not tell their shape: those of 2 and 4
    /// bits of quanto, unless they have a bias.
    ///
    /// # Errors
    /// Those of `linear`.
    pub fn linear_of(&self, name: &str, n: usize, k: usize) -> Result<Linear> {
        let layer = Layer::new(self, name, Some((n, k)));
        let linear = self.checked(name, methods::linear(&layer))?;
        if (linear.n(), linear.k()) != (n, k) {
            let got = format!("[{}, {}]", linear.n(), linear.k());
            return Err(header::wrong(name, "shape", format!("[{n}, {k}]"), got));
        }
        Ok(linear)
    }

    fn checked(&self, name: &str, linear: Result<Linear>) -> Result<Linear> {
        let linear = linear.map_err(|e| match e {
            // These name the tensor already.
            Error::File { .. } | Error::NoTensor { .. } | Error::Truncated { .. } => e,
            Error::Io { .. } | Error::Unknown { .. } => e,
            e => Error::InTensor {
                name: tensors::short(name),
                source: Box::new(e),
            },
        })?;
        linear.matrix().validate(&tensors::short(name))?;
        Ok(linear)
    }
}

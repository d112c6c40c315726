//! One layer of a model: its settings, and its tensors by the suffixes of their names.

use super::errors::{short, wrong};
use super::method::Method;
use super::packed;
use super::tensor::LoadedTensor;
use super::tensors::Tensors;
use crate::{Error, Group, Linear, Result};
use ::safetensors::Dtype;
use serde_json::Value;

/// The types of plain floats.
pub(super) const FLOATS: &[Dtype] = &[Dtype::F32, Dtype::F16, Dtype::BF16];

pub(super) struct LayerSource<'m> {
    pub method: Method,
    /// The settings of the model's method.
    pub quantization: &'m Value,
    pub tensors: &'m Tensors<'m>,
    pub name: &'m str,
    /// The shape, if the caller knows it.
    pub shape: Option<(usize, usize)>,
}

impl<'m> LayerSource<'m> {
    fn full(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.name)
    }

    pub fn has(&self, suffix: &str) -> bool {
        self.tensors.info(&self.full(suffix)).is_some()
    }

    /// Whether there is such a tensor, of a type that only packed weights have.
    pub fn is_packed(&self, suffix: &str) -> bool {
        let info = self.tensors.info(&self.full(suffix));
        info.is_some_and(|info| packed::layer_of(info).is_some())
    }

    /// The tensor whose name is the layer's name followed by `suffix`.
    pub fn tensor(&self, suffix: &str) -> Result<LoadedTensor<'m>> {
        self.tensors.tensor(&self.full(suffix))
    }

    pub fn find(&self, suffix: &str) -> Result<Option<LoadedTensor<'m>>> {
        self.tensors.find(&self.full(suffix))
    }

    /// An integer of the model's configuration, with 0 for -1.
    pub fn setting(&self, key: &str) -> Result<Option<usize>> {
        count(self.quantization, key)
    }

    /// Whether the name is that of an embedding: tools that pack `Linear`s leave embeddings as they are.
    pub fn is_embedding(&self) -> bool {
        let last = self.name.rsplit('.').next().unwrap_or_default();
        last.contains("embed") || last == "wte"
    }

    /// An error that names the layer.
    pub fn wrong(&self, what: &str, expected: impl std::fmt::Display, got: impl std::fmt::Display) -> Error {
        wrong(self.name, what, expected, got)
    }

    /// The layer with its bias, if there is one.
    pub fn with_bias(&self, linear: Linear, suffix: &str) -> Result<Linear> {
        match self.find(suffix)? {
            None => Ok(linear),
            Some(bias) => linear.with_bias(bias.typed(FLOATS)?.finite()?),
        }
    }
}

/// The group of a `group_size`, with 0 (as `count` returns for -1) for the whole row.
pub(super) fn group_of(count: usize) -> Group {
    match count {
        0 => Group::Row,
        len => Group::Len(len),
    }
}

/// An integer of a configuration, with 0 for -1; `None` if it is missing or null.
pub(super) fn count(settings: &Value, key: &str) -> Result<Option<usize>> {
    match &settings[key] {
        Value::Null => Ok(None),
        value if value.as_i64() == Some(-1) => Ok(Some(0)),
        value => {
            let count = value.as_u64().and_then(|v| usize::try_from(v).ok());
            match count {
                Some(count) => Ok(Some(count)),
                None => Err(Error::File {
                    at: "config.json".into(),
                    what: key.into(),
                    expected: "a whole number".into(),
                    got: short(&value.to_string()),
                }),
            }
        }
    }
}

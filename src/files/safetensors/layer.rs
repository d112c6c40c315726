//! One layer of a model: its tensors by what follows its name, its settings.

use super::Model;
use super::header::wrong;
use super::packed;
use super::tensor::Tensor;
use crate::{Group, Linear, Result};
use ::safetensors::Dtype;
use serde_json::Value;

/// The types of plain floats.
pub(super) const FLOATS: &[Dtype] = &[Dtype::F32, Dtype::F16, Dtype::BF16];

pub(super) struct Layer<'m> {
    pub model: &'m Model<'m>,
    pub name: &'m str,
    /// The shape, where the caller knows it.
    pub shape: Option<(usize, usize)>,
}

impl<'m> Layer<'m> {
    pub fn new(model: &'m Model<'_>, name: &'m str, shape: Option<(usize, usize)>) -> Layer<'m> {
        Layer { model, name, shape }
    }

    fn full(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.name)
    }

    pub fn has(&self, suffix: &str) -> bool {
        self.model.tensors.info(&self.full(suffix)).is_some()
    }

    /// Whether there is such a tensor of numbers that only packed weights are of.
    pub fn is_packed(&self, suffix: &str) -> bool {
        let info = self.model.tensors.info(&self.full(suffix));
        info.is_some_and(|info| packed::layer_of(info).is_some())
    }

    /// The tensor whose name is the layer's and `suffix`.
    pub fn tensor(&self, suffix: &str) -> Result<Tensor<'m>> {
        self.model.tensors.tensor(&self.full(suffix))
    }

    pub fn find(&self, suffix: &str) -> Result<Option<Tensor<'m>>> {
        self.model.tensors.find(&self.full(suffix))
    }

    /// A setting of the model's configuration: a whole number; -1 and null are 0.
    pub fn setting(&self, key: &str) -> Result<Option<usize>> {
        count(&self.model.quantization, key)
    }

    /// Whether its name is one of an embedding, which tools leave as it is where they pack `Linear`s.
    pub fn is_embedding(&self) -> bool {
        let last = self.name.rsplit('.').next().unwrap_or_default();
        last.contains("embed") || last == "wte"
    }

    /// An error of the layer as a whole.
    pub fn wrong(&self, what: &str, expected: impl std::fmt::Display, got: impl std::fmt::Display) -> crate::Error {
        wrong(self.name, what, expected, got)
    }

    /// The layer with its bias, where there is one.
    pub fn with_bias(&self, linear: Linear, suffix: &str) -> Result<Linear> {
        match self.find(suffix)? {
            None => Ok(linear),
            Some(bias) => linear.with_bias(bias.typed(FLOATS)?.finite()?),
        }
    }
}

/// The group that tools write as a count of weights, with 0 (or -1) for the whole row.
pub(super) fn group_of(count: usize) -> Group {
    match count {
        0 => Group::Row,
        len => Group::Len(len),
    }
}

/// A whole number of a configuration; -1 and null are 0, and what is not there is `None`.
pub(super) fn count(settings: &Value, key: &str) -> Result<Option<usize>> {
    match &settings[key] {
        Value::Null => Ok(None),
        value if value.as_i64() == Some(-1) => Ok(Some(0)),
        value => {
            let count = value.as_u64().and_then(|v| usize::try_from(v).ok());
            match count {
                Some(count) => Ok(Some(count)),
                None => Err(crate::Error::File {
                    at: "config.json".into(),
                    what: key.into(),
                    expected: "a whole number".into(),
                    got: super::tensors::short(&value.to_string()),
                }),
            }
        }
    }
}

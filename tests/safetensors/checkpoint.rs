//! A checkpoint in memory: tensors as a tool names them, written by the safetensors crate.

use lowbit::safetensors::Model;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

#[derive(Clone, Default)]
pub struct Checkpoint {
    pub config: Value,
    pub tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
}

impl Checkpoint {
    /// A checkpoint with this `quantization_config`.
    pub fn quantized(quantization: Value) -> Checkpoint {
        Checkpoint {
            config: json!({ "model_type": "test", "quantization_config": quantization }),
            tensors: Vec::new(),
        }
    }

    pub fn with(mut self, name: &str, dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Checkpoint {
        self.tensors.retain(|t| t.0 != name);
        self.tensors.push((name.into(), dtype, shape.to_vec(), bytes.to_vec()));
        self
    }

    pub fn floats(self, name: &str, shape: &[usize], values: &[f32]) -> Checkpoint {
        self.with(name, Dtype::F32, shape, bytemuck::cast_slice(values))
    }

    pub fn without(mut self, name: &str) -> Checkpoint {
        self.tensors.retain(|t| t.0 != name);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let view = |(name, dtype, shape, bytes): &(String, Dtype, Vec<usize>, Vec<u8>)| {
            let view = TensorView::new(*dtype, shape.clone(), bytes).unwrap();
            // A view borrows, so its parts are serialized.
            (name.clone(), view.dtype(), view.shape().to_vec(), bytes.clone())
        };
        let parts: Vec<_> = self.tensors.iter().map(view).collect();
        let views = parts.iter().map(|(name, dtype, shape, bytes)| {
            let view = TensorView::new(*dtype, shape.clone(), bytes).unwrap();
            (name.as_str(), view)
        });
        safetensors::serialize(views, None).unwrap()
    }

    /// Calls `f` with the model read from these bytes.
    pub fn read<T>(&self, f: impl FnOnce(lowbit::Result<Model>) -> T) -> T {
        let (config, bytes) = (self.config.to_string(), self.bytes());
        f(Model::from_parts(&config, &[("model.safetensors", &bytes)]))
    }

    /// The layer of this name, or the error.
    pub fn linear(&self, name: &str) -> lowbit::Result<lowbit::Linear> {
        self.read(|model| model?.linear(name))
    }
}

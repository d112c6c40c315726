//! The numbers of a model that its tensor types depend on.

use crate::files::gguf::key::Key;
use crate::files::gguf::read::Gguf;

/// The numbers of a model that its tensor types depend on: see [`Preset::types`](super::Preset::types).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelShape {
    /// `general.architecture`: `llama`, `falcon`, `bert`, ...
    pub architecture: String,
    /// Layers (`block_count`).
    pub n_layer: u64,
    /// Attention heads.
    pub n_head: u64,
    /// Heads of keys and values: fewer than `n_head` if query heads share them, 0 if there are none.
    pub n_head_kv: u64,
    /// Experts; 0 in a dense model.
    pub n_expert: u64,
    /// Whether importance weights are available.
    pub importance: bool,
}

impl ModelShape {
    /// Reads the numbers from a file's keys; a missing key gives 0 or llama.cpp's default. A number that differs from
    /// layer to layer is that of the first layer, as in llama.cpp.
    pub fn of(file: &Gguf, importance: bool) -> ModelShape {
        let architecture = file.get("general.architecture").and_then(Key::as_str);
        let architecture = architecture.unwrap_or_default().to_owned();
        let number = |key: &str| {
            let key = file.get(&format!("{architecture}.{key}"))?;
            key.as_u64().or_else(|| key.first_u64())
        };
        let n_head = number("attention.head_count").unwrap_or(0);
        ModelShape {
            n_layer: number("block_count").unwrap_or(0),
            n_head,
            n_head_kv: number("attention.head_count_kv").unwrap_or(n_head),
            n_expert: number("expert_count").unwrap_or(0),
            importance,
            architecture,
        }
    }

    /// Query heads for each head of keys and values.
    pub(super) fn heads_per_kv(&self) -> u64 {
        self.n_head.checked_div(self.n_head_kv).unwrap_or(0)
    }

    pub(super) fn is_falcon(&self) -> bool {
        self.architecture == "falcon"
    }

    /// Whether llama.cpp classifies the model as 70B.
    pub(super) fn is_70b(&self) -> bool {
        match self.architecture.as_str() {
            "llama" => self.n_layer == 80 && self.n_head != self.n_head_kv,
            "qwen2" | "deci" => self.n_layer == 80,
            "jais2" => self.n_layer == 68,
            _ => false,
        }
    }
}

//! What the rule asks of a model as a whole.

use crate::gguf::{Gguf, Key};

/// The numbers of a model that its types depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// `general.architecture`: `llama`, `falcon`, `bert`, ...
    pub architecture: String,
    /// Layers (`block_count`).
    pub n_layer: u64,
    /// Attention heads.
    pub n_head: u64,
    /// Heads of k and v: fewer than `n_head` where several heads share them; 0 if there are none.
    pub n_head_kv: u64,
    /// Experts, 0 where there are none.
    pub n_expert: u64,
    /// Whether there are importance weights to quantize with.
    pub importance: bool,
}

impl Model {
    /// The numbers that a file's keys have, 0 or the usual where one is missing. Where a number
    /// differs from layer to layer, that of the first counts, as in llama.cpp.
    pub fn of(file: &Gguf, importance: bool) -> Model {
        let architecture = file.get("general.architecture").and_then(Key::as_str);
        let architecture = architecture.unwrap_or_default().to_owned();
        let number = |key: &str| {
            let key = file.get(&format!("{architecture}.{key}"))?;
            key.as_u64().or_else(|| key.first_u64())
        };
        let n_head = number("attention.head_count").unwrap_or(0);
        Model {
            n_layer: number("block_count").unwrap_or(0),
            n_head,
            n_head_kv: number("attention.head_count_kv").unwrap_or(n_head),
            n_expert: number("expert_count").unwrap_or(0),
            importance,
            architecture,
        }
    }

    /// Heads that share one k and v.
    pub(super) fn heads_per_kv(&self) -> u64 {
        self.n_head.checked_div(self.n_head_kv).unwrap_or(0)
    }

    pub(super) fn is_falcon(&self) -> bool {
        self.architecture == "falcon"
    }

    /// What llama.cpp calls the type 70B.
    pub(super) fn is_70b(&self) -> bool {
        match self.architecture.as_str() {
            "llama" => self.n_layer == 80 && self.n_head != self.n_head_kv,
            "qwen2" | "deci" => self.n_layer == 80,
            "jais2" => self.n_layer == 68,
            _ => false,
        }
    }
}

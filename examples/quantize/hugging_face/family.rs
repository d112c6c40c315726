//! The supported architectures, and the defaults of each.

use crate::model::Fallible;
use serde_json::Value;

/// The head size where `config.json` has none.
pub enum Head {
    /// `hidden_size` over the heads, written to the file.
    Computed,
    /// The same, but not written to the file.
    Unsaid,
    Fixed(u64),
}

/// An architecture: its names on both sides, and the defaults of its class in `transformers`.
pub struct Family {
    /// `general.architecture` of llama.cpp.
    pub name: &'static str,
    /// `model_type`.
    model_type: &'static str,
    /// `architectures`. The second is the model without its head.
    classes: &'static [&'static str],
    pub kv_heads: Option<u64>,
    pub head: Head,
    pub rope_theta: f64,
    pub epsilon: f64,
    pub context: u64,
}

impl Family {
    /// Whether llama.cpp rotates neighbours of q and k; Hugging Face rotates halves.
    pub fn rotates_neighbours(&self) -> bool {
        self.name == "llama"
    }

    /// The family of a configuration, or an error that names its architecture.
    pub fn of(config: &Value) -> Fallible<&'static Family> {
        let class = config["architectures"][0].as_str();
        let kind = config["model_type"].as_str();
        let found = FAMILIES.iter().find(|f| match (class, kind) {
            (Some(class), _) => f.classes.contains(&class),
            (None, kind) => kind == Some(f.model_type),
        });
        found.ok_or_else(|| {
            let known: Vec<_> = FAMILIES.iter().map(|f| f.model_type).collect();
            format!(
                "config.json: the architecture should be one of {}, got {}. Convert the folder with llama.cpp's \
                 convert_hf_to_gguf.py first, and quantize the GGUF file that it writes",
                known.join(", "),
                class.or(kind).unwrap_or("none")
            )
            .into()
        })
    }
}

const FAMILIES: &[Family] = &[
    Family {
        name: "llama",
        model_type: "llama",
        classes: &["LlamaForCausalLM", "LLaMAForCausalLM", "LlamaModel"],
        kv_heads: None,
        head: Head::Computed,
        rope_theta: 1e4,
        epsilon: 1e-6,
        context: 2048,
    },
    Family {
        name: "llama",
        model_type: "mistral",
        classes: &["MistralForCausalLM"],
        kv_heads: Some(8),
        head: Head::Computed,
        rope_theta: 1e4,
        epsilon: 1e-6,
        context: 131_072,
    },
    Family {
        name: "llama",
        model_type: "mixtral",
        classes: &["MixtralForCausalLM"],
        kv_heads: Some(8),
        head: Head::Unsaid,
        rope_theta: 1e6,
        epsilon: 1e-5,
        context: 131_072,
    },
    Family {
        name: "qwen2",
        model_type: "qwen2",
        classes: &["Qwen2ForCausalLM", "Qwen2Model"],
        kv_heads: Some(32),
        head: Head::Unsaid,
        rope_theta: 1e4,
        epsilon: 1e-6,
        context: 32_768,
    },
    Family {
        name: "qwen3",
        model_type: "qwen3",
        classes: &["Qwen3ForCausalLM", "Qwen3Model"],
        kv_heads: Some(32),
        head: Head::Fixed(128),
        rope_theta: 1e4,
        epsilon: 1e-6,
        context: 32_768,
    },
    Family {
        name: "qwen3moe",
        model_type: "qwen3_moe",
        classes: &["Qwen3MoeForCausalLM"],
        kv_heads: Some(4),
        head: Head::Unsaid,
        rope_theta: 1e4,
        epsilon: 1e-6,
        context: 32_768,
    },
];

//! Names and keys that llama.cpp has for a model of Hugging Face's `transformers`, for llama and bert.

use lowbit::gguf::Value;

/// What `config.json` says, as far as it is needed.
pub struct Config {
    pub architecture: String,
    pub keys: Vec<(String, Value)>,
    pub n_layer: u64,
    pub n_head: u64,
    pub n_head_kv: u64,
    pub n_expert: u64,
}

impl Config {
    /// None where the kind of model is not one whose names are known here.
    pub fn of(json: &serde_json::Value) -> Option<Config> {
        let architecture = match json["model_type"].as_str()? {
            "llama" | "mistral" => "llama",
            "bert" => "bert",
            _ => return None,
        };
        let number = |name: &str| json[name].as_u64();
        let n_head = number("num_attention_heads")?;
        let n_head_kv = number("num_key_value_heads").unwrap_or(n_head);
        let mut keys = vec![("general.architecture".to_owned(), architecture.into())];
        let mut add = |key: &str, value: Option<Value>| {
            keys.extend(value.map(|value| (format!("{architecture}.{key}"), value)));
        };
        let int = |name: &str| Some(Value::U32(number(name)?.try_into().ok()?));
        let float = |name: &str| Some(Value::F32(json[name].as_f64()? as f32));
        add("context_length", int("max_position_embeddings"));
        add("embedding_length", int("hidden_size"));
        add("block_count", int("num_hidden_layers"));
        add("feed_forward_length", int("intermediate_size"));
        add("attention.head_count", int("num_attention_heads"));
        add("vocab_size", int("vocab_size"));
        if architecture == "llama" {
            add("attention.head_count_kv", int("num_key_value_heads"));
            add("attention.layer_norm_rms_epsilon", float("rms_norm_eps"));
            add("rope.freq_base", float("rope_theta"));
            let head = number("head_dim").or(number("hidden_size")?.checked_div(n_head))?;
            add(
                "rope.dimension_count",
                Some(Value::U32(head.try_into().ok()?)),
            );
        } else {
            add("attention.layer_norm_epsilon", float("layer_norm_eps"));
            add("attention.causal", Some(false.into()));
        }
        Some(Config {
            architecture: architecture.to_owned(),
            keys,
            n_layer: number("num_hidden_layers")?,
            n_head,
            n_head_kv,
            n_expert: 0,
        })
    }

    /// The name in llama.cpp, or the same where there is none.
    pub fn name(&self, name: &str) -> String {
        let table = match &self.architecture[..] {
            "llama" => LLAMA,
            _ => BERT,
        };
        let bare = name.strip_prefix("model.").or(name.strip_prefix("bert."));
        let bare = bare.unwrap_or(name);
        let (layer, rest) = match layer_of(bare) {
            Some((layer, rest)) => (format!("blk.{layer}."), rest),
            None => (String::new(), bare),
        };
        for (theirs, ours) in table {
            for end in ["weight", "bias"] {
                if rest.strip_suffix(end).and_then(|r| r.strip_suffix('.')) == Some(theirs) {
                    return format!("{layer}{ours}.{end}");
                }
            }
        }
        name.to_owned()
    }
}

/// `layers.7.rest` or `encoder.layer.7.rest`.
fn layer_of(name: &str) -> Option<(u64, &str)> {
    let rest = name
        .strip_prefix("layers.")
        .or(name.strip_prefix("encoder.layer."));
    let (number, rest) = rest?.split_once('.')?;
    Some((number.parse().ok()?, rest))
}

const LLAMA: &[(&str, &str)] = &[
    ("embed_tokens", "token_embd"),
    ("norm", "output_norm"),
    ("lm_head", "output"),
    ("input_layernorm", "attn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("post_attention_layernorm", "ffn_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

const BERT: &[(&str, &str)] = &[
    ("embeddings.word_embeddings", "token_embd"),
    ("embeddings.position_embeddings", "position_embd"),
    ("embeddings.token_type_embeddings", "token_types"),
    ("embeddings.LayerNorm", "token_embd_norm"),
    ("attention.self.query", "attn_q"),
    ("attention.self.key", "attn_k"),
    ("attention.self.value", "attn_v"),
    ("attention.output.dense", "attn_output"),
    ("attention.output.LayerNorm", "attn_output_norm"),
    ("intermediate.dense", "ffn_up"),
    ("output.dense", "ffn_down"),
    ("output.LayerNorm", "layer_output_norm"),
];

//! BERT encoders, such as MiniLM: weights and hyperparameters, without a tokenizer.

use super::{Converted, Keys};
use crate::model::{Fallible, Tensor};
use crate::source::Sourced;
use serde_json::Value;

/// Integer keys, and their names in `config.json`.
const COUNTS: &[(&str, &str)] = &[
    ("context_length", "max_position_embeddings"),
    ("embedding_length", "hidden_size"),
    ("block_count", "num_hidden_layers"),
    ("feed_forward_length", "intermediate_size"),
    ("attention.head_count", "num_attention_heads"),
    ("vocab_size", "vocab_size"),
];

const NAMES: &[(&str, &str)] = &[
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

pub fn convert<'a>(config: &Value, tensors: Vec<Tensor<'a>>) -> Fallible<Converted<'a>> {
    let mut keys = Keys::new("bert");
    for (key, name) in COUNTS {
        if let Some(count) = config[name].as_u64() {
            keys.count(key, count)?;
        }
    }
    if let Some(epsilon) = config["layer_norm_eps"].as_f64() {
        keys.float("attention.layer_norm_epsilon", epsilon);
    }
    keys.whole("bert.attention.causal", false);
    let tensors = tensors.into_iter().map(|mut tensor| {
        tensor.name = renamed(&tensor.name);
        Sourced::whole(tensor)
    });
    Ok(Converted {
        metadata: keys.all,
        tensors: tensors.collect(),
        notes: vec!["BERT is written without its tokenizer, which llama.cpp needs to load the file.".into()],
    })
}

/// The name in llama.cpp, or the original name where there is none.
fn renamed(name: &str) -> String {
    let bare = name.strip_prefix("bert.").unwrap_or(name);
    let in_layer = bare
        .strip_prefix("encoder.layer.")
        .and_then(|rest| rest.split_once('.'));
    let (layer, rest) = match in_layer {
        Some((layer, rest)) if layer.parse::<u64>().is_ok() => (format!("blk.{layer}."), rest),
        _ => (String::new(), bare),
    };
    let Some((part, end)) = rest.rsplit_once('.') else {
        return name.to_owned();
    };
    let known = NAMES.iter().find(|(theirs, _)| *theirs == part);
    match known.filter(|_| ["weight", "bias"].contains(&end)) {
        Some((_, ours)) => format!("{layer}{ours}.{end}"),
        None => name.to_owned(),
    }
}

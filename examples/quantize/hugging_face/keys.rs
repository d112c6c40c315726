//! The hyperparameters of a model, from `config.json` to llama.cpp's keys.

use super::Keys;
use super::family::{Family, Head};
use super::rope::Rope;
use crate::model::Fallible;
use serde_json::Value;

/// The hyperparameters that other modules need.
pub struct Shape {
    pub heads: u64,
    pub kv_heads: u64,
    pub experts: u64,
    pub vocabulary: Option<u64>,
    pub rope: Rope,
}

/// More tokens, or numbers in a head, than any model has, so that a broken configuration allocates no huge buffers.
const MAX_VOCABULARY: u64 = 1 << 24;
const MAX_HEAD: u64 = 1 << 16;

fn at_most(name: &str, value: u64, most: u64) -> Fallible<u64> {
    if value > most {
        return Err(format!("config.json: {name} should be at most {most}, got {value}").into());
    }
    Ok(value)
}

/// A required positive integer.
fn needed(config: &Value, name: &str) -> Fallible<u64> {
    config[name].as_u64().filter(|&n| n > 0).ok_or_else(|| {
        format!(
            "config.json: {name} should be a whole number over 0, got {}",
            config[name]
        )
        .into()
    })
}

/// Adds the keys of the architecture.
pub fn add(keys: &mut Keys, family: &Family, config: &Value) -> Fallible<Shape> {
    check(family, config)?;
    let number = |name: &str| config[name].as_u64();
    let float = |name: &str| config[name].as_f64();
    let width = needed(config, "hidden_size")?;
    let heads = needed(config, "num_attention_heads")?;
    let kv_heads = number("num_key_value_heads").or(family.kv_heads).unwrap_or(heads);
    let even = width / heads;
    let (head, said) = match (number("head_dim"), &family.head) {
        (Some(head), _) => (head, true),
        (None, Head::Computed) => (even, true),
        (None, Head::Unsaid) => (even, false),
        (None, &Head::Fixed(head)) => (head, true),
    };
    let head = at_most("head_dim", head, MAX_HEAD)?;
    let context = number("max_position_embeddings").unwrap_or(family.context);
    let experts = number("num_local_experts").or(number("num_experts")).unwrap_or(0);
    let rope = Rope::of(family, config, head, context)?;

    keys.count("block_count", needed(config, "num_hidden_layers")?)?;
    keys.count("context_length", context)?;
    keys.count("embedding_length", width)?;
    keys.count("feed_forward_length", needed(config, "intermediate_size")?)?;
    keys.count("attention.head_count", heads)?;
    keys.count("attention.head_count_kv", kv_heads)?;
    rope.add(keys)?;
    let epsilon = float("rms_norm_eps").unwrap_or(family.epsilon);
    keys.float("attention.layer_norm_rms_epsilon", epsilon);
    if said {
        keys.count("attention.key_length", head)?;
        keys.count("attention.value_length", head)?;
    }
    if experts > 0 {
        keys.count("expert_count", experts)?;
        keys.count("expert_used_count", needed(config, "num_experts_per_tok")?)?;
        if let Some(hidden) = number("moe_intermediate_size") {
            keys.count("expert_feed_forward_length", hidden)?;
        }
    }
    let vocabulary = number("vocab_size")
        .map(|count| at_most("vocab_size", count, MAX_VOCABULARY))
        .transpose()?;
    if family.name == "llama" {
        if let Some(vocabulary) = vocabulary {
            keys.count("vocab_size", vocabulary)?;
        }
        keys.count("rope.dimension_count", head)?;
    }
    Ok(Shape {
        heads,
        kv_heads,
        experts,
        vocabulary,
        rope,
    })
}

/// Checks that llama.cpp's architecture computes the same as the model; an error names the difference.
fn check(family: &Family, config: &Value) -> Fallible<()> {
    let activation = config["hidden_act"].as_str().unwrap_or("silu");
    let step = config["decoder_sparse_step"].as_u64().unwrap_or(1);
    let dense = config["mlp_only_layers"].as_array().map_or(0, Vec::len);
    let wrong = match (activation, step, dense) {
        ("silu" | "swish", 1, 0) => return Ok(()),
        ("silu" | "swish", 1, count) => format!("mlp_only_layers: {count} layers without experts"),
        ("silu" | "swish", step, _) => {
            format!("decoder_sparse_step {step}, layers without experts")
        }
        (activation, ..) => format!("hidden_act {activation:?}"),
    };
    let name = family.name;
    Err(format!("config.json: {wrong}: llama.cpp's {name} has silu, and experts in all layers or none").into())
}

/// Notes on what llama.cpp computes differently and no key can set.
pub fn notes(family: &Family, config: &Value) -> Vec<String> {
    let mut notes = Vec::new();
    let name = family.name;
    let used = config["use_sliding_window"].as_bool() != Some(false);
    let window = config["sliding_window"].as_u64().filter(|_| used);
    let context = config["max_position_embeddings"].as_u64();
    if let (Some(window), Some(context)) = (window, context)
        && window < context
    {
        notes.push(format!(
            "Attention reaches back {window} tokens in config.json. llama.cpp's {name} has no such window: it gives \
                 the same results up to that length, and attends to all tokens beyond it."
        ));
    }
    if name == "qwen3moe" && config["norm_topk_prob"] != true {
        notes.push(format!(
            "norm_topk_prob is not true in config.json. llama.cpp's {name} normalizes the weights of a token's experts \
             to a sum of 1, so its outputs differ from those of transformers."
        ));
    }
    notes
}

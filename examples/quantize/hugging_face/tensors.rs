//! Tensors under llama.cpp's names, with the experts of a layer in one tensor.

use super::family::Family;
use super::keys::Shape;
use crate::model::{Fallible, Tensor};
use crate::source::{Source, Sourced};
use std::collections::BTreeMap;

const TOP: &[(&str, &str)] = &[
    ("embed_tokens", "token_embd"),
    ("norm", "output_norm"),
    ("lm_head", "output"),
];

const LAYER: &[(&str, &str)] = &[
    ("input_layernorm", "attn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("post_attention_layernorm", "ffn_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
    ("block_sparse_moe.gate", "ffn_gate_inp"),
    ("mlp.gate", "ffn_gate_inp"),
];

/// Mixtral's names and Qwen's.
const EXPERT: &[(&str, &str)] = &[
    ("w1", "ffn_gate_exps"),
    ("w2", "ffn_down_exps"),
    ("w3", "ffn_up_exps"),
    ("gate_proj", "ffn_gate_exps"),
    ("down_proj", "ffn_down_exps"),
    ("up_proj", "ffn_up_exps"),
];

/// Buffers that old checkpoints store with their weights.
const LEFT_OUT: &[&str] = &[".attention.masked_bias", ".attention.bias", ".rotary_emb.inv_freq"];

/// The experts of each future tensor, by number.
type Experts<'a> = BTreeMap<String, BTreeMap<u64, Tensor<'a>>>;

pub fn convert<'a>(family: &Family, shape: &Shape, tensors: Vec<Tensor<'a>>) -> Fallible<Vec<Sourced<'a>>> {
    let mut out: Vec<Sourced> = shape.rope.tensor().into_iter().collect();
    let mut experts = Experts::new();
    for mut tensor in tensors {
        if LEFT_OUT.iter().any(|end| tensor.name.ends_with(end)) {
            continue;
        }
        match place(&tensor.name).ok_or_else(|| unknown(family, &tensor.name))? {
            Place::One(name) => {
                tensor.name = name;
                out.push(one(family, shape, tensor));
            }
            Place::Expert(name, expert) => {
                experts.entry(name).or_default().insert(expert, tensor);
            }
            Place::Experts(name) => {
                tensor.name = name;
                out.push(Sourced::whole(tensor));
            }
            Place::GateAndUp(layer) => out.extend(gate_and_up(tensor, layer)?),
        }
    }
    for (name, of) in experts {
        out.push(stacked(name, of, shape.experts)?);
    }
    Ok(out)
}

/// What a Hugging Face name refers to.
enum Place {
    One(String),
    /// One expert's part of a tensor.
    Expert(String, u64),
    /// The part of all experts.
    Experts(String),
    /// Two tensors of all experts of a layer.
    GateAndUp(u64),
}

fn place(name: &str) -> Option<Place> {
    let bare = name.strip_prefix("model.").unwrap_or(name);
    let Some(rest) = bare.strip_prefix("layers.") else {
        return renamed(TOP, bare).map(Place::One);
    };
    let (layer, rest) = rest.split_once('.')?;
    let layer: u64 = layer.parse().ok()?;
    let expert = rest.strip_prefix("block_sparse_moe.experts.");
    if let Some(rest) = expert.or(rest.strip_prefix("mlp.experts.")) {
        if rest.trim_end_matches(".weight") == "gate_up_proj" {
            return Some(Place::GateAndUp(layer));
        }
        let (number, part) = match rest.split_once('.') {
            Some((number, part)) if number.parse::<u64>().is_ok() => (number.parse().ok(), part),
            _ => (None, rest),
        };
        let part = part.trim_end_matches(".weight");
        let (_, ours) = EXPERT.iter().find(|(theirs, _)| *theirs == part)?;
        let name = format!("blk.{layer}.{ours}.weight");
        return Some(match number {
            Some(number) => Place::Expert(name, number),
            None => Place::Experts(name),
        });
    }
    Some(Place::One(format!("blk.{layer}.{}", renamed(LAYER, rest)?)))
}

/// A weight or a bias under its new name.
fn renamed(table: &[(&str, &str)], name: &str) -> Option<String> {
    let (part, end) = name.rsplit_once('.')?;
    let known = table.iter().find(|(theirs, _)| *theirs == part);
    let (_, ours) = known.filter(|_| ["weight", "bias"].contains(&end))?;
    Some(format!("{ours}.{end}"))
}

fn one<'a>(family: &Family, shape: &Shape, tensor: Tensor<'a>) -> Sourced<'a> {
    let part = tensor.name.split('.').nth(2).unwrap_or_default();
    let heads = match part {
        "attn_q" => Some(shape.heads),
        "attn_k" => Some(shape.kv_heads),
        _ => None,
    };
    let mut sourced = Sourced::whole(tensor);
    if let (Some(heads), true, Source::Whole(bytes)) = (heads, family.rotates_neighbours(), &sourced.source) {
        sourced.source = Source::Halves(bytes, heads);
    }
    sourced
}

fn stacked<'a>(name: String, of: BTreeMap<u64, Tensor<'a>>, experts: u64) -> Fallible<Sourced<'a>> {
    let numbers = of.keys().copied();
    if !numbers.eq(0..experts) {
        let (count, last) = (of.len(), of.keys().last().copied().unwrap_or_default());
        return Err(format!("{name}: the experts should be 0 to {experts}, got {count} up to {last}").into());
    }
    let mut of = of.into_values();
    let first = of.next().ok_or_else(|| format!("{name} has no experts"))?;
    let mut runs = vec![first.data];
    for tensor in of {
        let (expected, got) = ((&first.dims, first.kind.name), (&tensor.dims, tensor.kind.name));
        if expected != got {
            let other = &tensor.name;
            return Err(format!("{other} should be of {expected:?} as {}, got {got:?}", first.name).into());
        }
        runs.push(tensor.data);
    }
    let mut dims = first.dims;
    dims.push(experts);
    Ok(Sourced {
        name,
        dims,
        kind: first.kind,
        source: Source::Runs(runs),
    })
}

/// Each expert has the rows of the gate, then those of `up`.
fn gate_and_up(tensor: Tensor, layer: u64) -> Fallible<[Sourced; 2]> {
    let [k, rows, experts] = tensor.dims[..] else {
        let (name, dims) = (&tensor.name, &tensor.dims);
        return Err(format!("{name} should have 3 dimensions, got {dims:?}").into());
    };
    if !rows.is_multiple_of(2) {
        return Err(format!("{} should have rows in two halves, got {rows}", tensor.name).into());
    }
    let half = tensor.data.len() / usize::try_from(experts.max(1))? / 2;
    let of = |part: &str, nth: usize| Sourced {
        name: format!("blk.{layer}.{part}.weight"),
        dims: vec![k, rows / 2, experts],
        kind: tensor.kind,
        source: Source::Runs(tensor.data.chunks(half.max(1)).skip(nth).step_by(2).collect()),
    };
    Ok([of("ffn_gate_exps", 0), of("ffn_up_exps", 1)])
}

fn unknown(family: &Family, name: &str) -> String {
    format!(
        "llama.cpp's {} has no tensor {name:?}; if the weights are packed, their tool's settings are missing next to \
         them",
        family.name
    )
}

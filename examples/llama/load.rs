//! Makes a `Llama` from the tensors and keys of a GGUF file.

use super::{Layer, Llama, Named, Place, Shape, Shared};
use crate::model::{Fallible, Model};
use lowbit::gguf::Value;
use lowbit::{Dense, Format, Linear, Matrix};

impl Llama {
    /// The model of a GGUF file; an error names what is not supported.
    pub fn load(model: &Model) -> Fallible<Llama> {
        let architecture = text(model, "general.architecture").unwrap_or("none");
        if architecture != "llama" {
            return Err(format!("the architecture should be llama, got {architecture}").into());
        }
        let width = count(model, "llama.embedding_length")?;
        let heads = count(model, "llama.attention.head_count")?;
        let kv_heads = count(model, "llama.attention.head_count_kv").unwrap_or(heads);
        let head = width / heads.max(1);
        let turned = count(model, "llama.rope.dimension_count").unwrap_or(head);
        let fits = width > 0 && head * heads == width && kv_heads > 0 && heads.is_multiple_of(kv_heads);
        if !fits || turned != head || !head.is_multiple_of(2) {
            return Err(format!(
                "heads should divide {width} floats and rotate whole, got {heads} heads, {kv_heads} of keys, \
                 {turned} floats rotated"
            )
            .into());
        }
        for unsupported in ["rope_freqs.weight", "blk.0.ffn_gate_inp.weight", "blk.0.attn_q.bias"] {
            if model.tensors.iter().any(|t| t.name == unsupported) {
                return Err(format!("a model with {unsupported} is not supported here").into());
            }
        }
        if let Some(scale) = model.tensors.iter().find(|t| t.name.ends_with(".scale")) {
            return Err(format!("a model with {} is not supported here", scale.name).into());
        }
        let shape = Shape {
            width,
            heads,
            kv_heads,
            head,
            rope_base: float(model, "llama.rope.freq_base").unwrap_or(10_000.0),
            epsilon: float(model, "llama.attention.layer_norm_rms_epsilon").unwrap_or(1e-5),
            context: count(model, "llama.context_length")?,
        };
        let kv = kv_heads * head;
        let hidden = count(model, "llama.feed_forward_length")?;
        let layers = (0..count(model, "llama.block_count")?).map(|i| {
            let named = |part: &str, n: usize, k: usize| {
                let name = format!("blk.{i}.{part}.weight");
                let linear = linear(model, &name, n, k)?;
                Fallible::Ok(Named { name, linear })
            };
            let norm = |part: &str| floats(model, &format!("blk.{i}.{part}.weight"), width);
            let shared = |place| {
                let linears = match place {
                    Place::Attention => vec![
                        named("attn_q", width, width)?,
                        named("attn_k", kv, width)?,
                        named("attn_v", kv, width)?,
                    ],
                    Place::AttentionOutput => vec![named("attn_output", width, width)?],
                    Place::FeedForward => vec![named("ffn_gate", hidden, width)?, named("ffn_up", hidden, width)?],
                    Place::Down => vec![named("ffn_down", width, hidden)?],
                };
                Fallible::Ok(Shared { linears })
            };
            let [a, b, c, d] = Place::ALL.map(shared);
            Fallible::Ok(Layer {
                norms: [norm("attn_norm")?, norm("ffn_norm")?],
                shared: [a?, b?, c?, d?],
            })
        });
        let layers = layers.collect::<Fallible<_>>()?;
        let tied = !model.tensors.iter().any(|t| t.name == "output.weight");
        let head_name = if tied { "token_embd.weight" } else { "output.weight" };
        let embedding = model.tensor("token_embd.weight")?.to_f32()?;
        if !embedding.len().is_multiple_of(width) {
            let got = embedding.len();
            return Err(format!("token_embd.weight should be rows of {width}, got {got} floats").into());
        }
        Ok(Llama {
            head: linear(model, head_name, embedding.len() / width, width)?,
            output_norm: floats(model, "output_norm.weight", width)?,
            embedding,
            layers,
            shape,
        })
    }
}

/// A tensor in its stored format; plain floats become f32.
fn linear(model: &Model, name: &str, n: usize, k: usize) -> Fallible<Linear> {
    let tensor = model.tensor(name)?;
    let dims = (tensor.rows(), tensor.dims.first().copied().unwrap_or(0));
    if dims != (n as u64, k as u64) {
        return Err(format!("{name} should be {n} x {k}, got {} x {}", dims.0, dims.1).into());
    }
    let matrix = match tensor.kind.to_f32(tensor.data) {
        Some(floats) => Matrix::quantize(Format::F32, Dense::new(n, k, &floats)?)?,
        None => tensor.matrix()?.into_owned(),
    };
    Ok(Linear::new(matrix))
}

fn floats(model: &Model, name: &str, expected: usize) -> Fallible<Vec<f32>> {
    let floats = model.tensor(name)?.to_f32()?;
    if floats.len() != expected {
        return Err(format!("{name} should be {expected} floats, got {}", floats.len()).into());
    }
    Ok(floats)
}

/// The value of a key.
pub(super) fn get<'a>(model: &'a Model, key: &str) -> Option<&'a Value> {
    let mut found = model.metadata.iter().filter(|(name, _)| name == key);
    found.next().map(|(_, value)| value)
}

fn text<'a>(model: &'a Model, key: &str) -> Option<&'a str> {
    get(model, key)?.as_str()
}

fn count(model: &Model, key: &str) -> Fallible<usize> {
    let value = get(model, key).and_then(Value::as_u64);
    Ok(usize::try_from(
        value.ok_or_else(|| format!("the file should have a number {key}"))?,
    )?)
}

fn float(model: &Model, key: &str) -> Option<f32> {
    match get(model, key)? {
        Value::F32(value) => Some(*value),
        Value::F64(value) => Some(*value as f32),
        _ => None,
    }
}

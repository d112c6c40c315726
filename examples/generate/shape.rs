//! What the metadata of a GGUF file says about a model.

use crate::model::Fallible;
use lowbit::gguf::{Split, Value};
use lowbit::kv::{Rope, RopeScaling};

/// The architectures that this example knows: they differ in what a rotated pair is, and in tensors that are there or
/// not.
const ARCHITECTURES: [&str; 3] = ["llama", "qwen2", "qwen3"];

/// Sizes and constants of a model.
#[derive(Clone, Debug)]
pub struct Shape {
    pub architecture: String,
    pub layers: usize,
    /// Floats of the residual stream.
    pub width: usize,
    /// Floats between the products of the feed-forward network.
    pub hidden: usize,
    /// Heads of queries, and of keys and values.
    pub heads: usize,
    pub kv_heads: usize,
    /// Floats of a query or key, and of a value.
    pub key: usize,
    pub value: usize,
    /// Tokens that the model was trained on at once.
    pub context: usize,
    /// What norms add to the mean square.
    pub eps: f32,
    /// Floats of a query or key that are rotated.
    rotated: usize,
    base: f32,
    scaling: RopeScaling,
}

/// Keys, most of which begin with the architecture.
struct Keys<'a> {
    file: &'a Split<'a>,
    architecture: &'a str,
}

impl Keys<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        let key = self.file.get(&format!("{}.{name}", self.architecture));
        key.map(|key| key.value())
    }

    fn wrong(&self, name: &str, what: &str) -> String {
        let got = self.get(name).map_or("none".to_string(), |value| value.to_string());
        format!("{}.{name} should be {what}, got {got}", self.architecture)
    }

    /// A count; `default` is for one that may be left out.
    fn count(&self, name: &str, default: Option<usize>) -> Fallible<usize> {
        let value = self.get(name);
        if let (None, Some(default)) = (&value, default) {
            return Ok(default);
        }
        // No size of a model comes near the limit, which keeps products of two from overflowing.
        let count = value
            .and_then(|value| value.as_u64())
            .filter(|count| (1..1 << 28).contains(count));
        let count = count.ok_or_else(|| self.wrong(name, "a number from 1 to 2^28"))?;
        Ok(usize::try_from(count)?)
    }

    fn float(&self, name: &str, default: f32) -> Fallible<f32> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::F32(value)) => Ok(value),
            Some(Value::F64(value)) => Ok(value as f32),
            Some(_) => Err(self.wrong(name, "a float").into()),
        }
    }

    fn scaling(&self) -> Fallible<RopeScaling> {
        let kind = match self.get("rope.scaling.type") {
            None => "linear".to_string(),
            Some(kind) => kind.to_string(),
        };
        // Files of 2023 have another name for it.
        let factor = self.float("rope.scaling.factor", self.float("rope.scale_linear", 1.0)?)?;
        match kind.as_str() {
            "none" => Ok(RopeScaling::None),
            "linear" if factor == 1.0 || factor == 0.0 => Ok(RopeScaling::None),
            "linear" => Ok(RopeScaling::Linear { factor }),
            "yarn" => Ok(RopeScaling::Yarn {
                factor,
                fast: self.float("rope.scaling.yarn_beta_fast", 32.0)?,
                slow: self.float("rope.scaling.yarn_beta_slow", 1.0)?,
                original: self.count(
                    "rope.scaling.original_context_length",
                    Some(self.count("context_length", None)?),
                )?,
                attention: self.float("rope.scaling.attn_factor", 1.0)? * (1.0 + 0.1 * factor.ln()),
            }),
            _ => Err(self.wrong("rope.scaling.type", "none, linear or yarn").into()),
        }
    }
}

impl Shape {
    /// The shape of a model; an error names what is not supported.
    pub fn read(file: &Split) -> Fallible<Shape> {
        let architecture = file.get("general.architecture").and_then(|key| key.as_str());
        let architecture = architecture.unwrap_or("none");
        let keys = Keys { file, architecture };
        if !ARCHITECTURES.contains(&architecture) {
            let known = ARCHITECTURES.join(", ");
            return Err(format!("the architecture should be one of {known}, got {architecture}").into());
        }
        if keys.get("expert_count").and_then(|value| value.as_u64()).unwrap_or(0) > 0 {
            let experts = keys.wrong("expert_count", "0 (this example has no experts)");
            return Err(experts.into());
        }
        let width = keys.count("embedding_length", None)?;
        let heads = keys.count("attention.head_count", None)?;
        let kv_heads = keys.count("attention.head_count_kv", Some(heads))?;
        if !heads.is_multiple_of(kv_heads) {
            return Err(format!("{heads} heads of queries should be a multiple of {kv_heads} of keys").into());
        }
        let key = keys.count("attention.key_length", Some(width / heads))?;
        let value = keys.count("attention.value_length", Some(width / heads))?;
        Ok(Shape {
            architecture: architecture.into(),
            layers: keys.count("block_count", None)?,
            width,
            hidden: keys.count("feed_forward_length", None)?,
            heads,
            kv_heads,
            key,
            value,
            context: keys.count("context_length", None)?,
            eps: keys.float("attention.layer_norm_rms_epsilon", 1e-5)?,
            rotated: keys.count("rope.dimension_count", Some(key))?,
            base: keys.float("rope.freq_base", 10_000.0)?,
            scaling: keys.scaling()?,
        })
    }

    /// The rotation of queries and keys at so many positions. `divisors`, where a file has them, are what the frequency
    /// of each pair is divided by.
    pub fn rope(&self, divisors: Option<&[f32]>, positions: usize) -> Fallible<Rope> {
        // The converter of llama permutes the rows of q and k, so that pairs are neighbours.
        let interleaved = self.architecture == "llama";
        let Some(divisors) = divisors else {
            let rope = Rope::new(self.rotated, self.base, self.scaling, interleaved, positions)?;
            return Ok(rope);
        };
        if divisors.len() * 2 != self.rotated || self.scaling != RopeScaling::None {
            let (got, due, scaling) = (divisors.len(), self.rotated / 2, self.scaling);
            return Err(format!(
                "rope_freqs.weight should have {due} numbers and no other scaling, got {got} and {scaling:?}"
            )
            .into());
        }
        Ok(Rope::with_divisors(divisors, self.base, interleaved, positions)?)
    }
}

//! A Llama on the processor, to evaluate quantizers: it reads whole texts at once, every linear is a `lowbit::Linear`,
//! and a visitor sees the inputs of each. Shared by the examples `compare` and `quantize`; too slow to generate text.
//!
//! It reads GGUF files of the architecture `llama` through examples/model, so its users need `mod model` too.

mod attention;
pub mod calibration;
mod load;
pub mod methods;
pub mod perplexity;
pub mod scaled;
pub mod text;
pub mod tokenizer;
mod walk;

use lowbit::Linear;

/// The hyperparameters in the metadata of a GGUF file.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Floats of the residual stream.
    pub width: usize,
    pub heads: usize,
    /// Heads of keys and values; `heads / kv_heads` heads of queries share each (grouped-query attention).
    pub kv_heads: usize,
    /// Floats of one head.
    pub head: usize,
    /// The base θ of rotary positions: pair i turns by θ^(-2i / head) a position.
    pub rope_base: f32,
    /// ε of RMSNorm.
    pub epsilon: f32,
    /// The length of text that it was trained on.
    pub context: usize,
}

/// All of a model.
#[derive(Clone)]
pub struct Llama {
    pub shape: Shape,
    /// A row of `width` floats for each token.
    embedding: Vec<f32>,
    pub layers: Vec<Layer>,
    output_norm: Vec<f32>,
    /// Logits of all tokens; a copy of the embedding where the file has no `output.weight`.
    head: Linear,
}

/// A block of attention and feed-forward network.
#[derive(Clone)]
pub struct Layer {
    /// Gain of the norm before attention, and of that before the feed-forward network.
    pub norms: [Vec<f32>; 2],
    /// By `Place`.
    pub shared: [Shared; 4],
}

/// The places in a block where linears share inputs, in the order of a forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Normalized inputs of queries, keys and values.
    Attention,
    /// The output of attention, before it is projected to the residual stream.
    AttentionOutput,
    /// Normalized inputs of gate and up.
    FeedForward,
    /// silu(gate) · up, before it is projected to the residual stream.
    Down,
}

impl Place {
    pub const ALL: [Place; 4] = [
        Place::Attention,
        Place::AttentionOutput,
        Place::FeedForward,
        Place::Down,
    ];
}

/// The linears that take the same inputs.
#[derive(Clone)]
pub struct Shared {
    pub linears: Vec<Named>,
}

/// A linear and the name of its weights in the file, `blk.0.attn_q.weight`.
#[derive(Clone)]
pub struct Named {
    pub name: String,
    pub linear: Linear,
}

impl Llama {
    /// All linears of the blocks, which methods quantize; the embedding and the head are not among them.
    pub fn linears(&self) -> impl Iterator<Item = &Named> {
        let shared = self.layers.iter().flat_map(|layer| &layer.shared);
        shared.flat_map(|shared| &shared.linears)
    }

    /// As `linears`, mutable.
    pub fn linears_mut(&mut self) -> impl Iterator<Item = &mut Named> {
        let shared = self.layers.iter_mut().flat_map(|layer| &mut layer.shared);
        shared.flat_map(|shared| &mut shared.linears)
    }

    /// Bits stored for each weight of the linears.
    pub fn bits_per_weight(&self) -> f64 {
        let sizes = self.linears().map(|named| {
            let matrix = named.linear.matrix();
            (matrix.bytes().len(), matrix.n() * matrix.k())
        });
        let (bytes, weights) = sizes.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        8.0 * bytes as f64 / weights as f64
    }
}

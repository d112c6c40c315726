//! A Llama on the processor, to judge quantizers by: whole texts at once, every linear a `lowbit::Linear`, and a
//! look at the inputs of each on the way. Shared by the examples `compare` and `quantize`; not fast enough to chat with.
//!
//! Reads GGUF files of the architecture `llama` as examples/model does, so that a user has `mod model` too.

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

/// The numbers that the metadata of a GGUF file has.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Floats of the residual stream.
    pub width: usize,
    pub heads: usize,
    /// Heads of keys and values, each shared by `heads / kv_heads` queries (grouped-query attention).
    pub kv_heads: usize,
    /// Floats of one head.
    pub head: usize,
    /// The base θ of rotary positions: pair i turns by θ^(-2i / head) a position.
    pub rope_base: f32,
    /// ε of RMSNorm.
    pub epsilon: f32,
    /// The longest text that it was trained on.
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
    /// Logits of all tokens; the embedding once more where the file has no `output.weight`.
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

/// Where inputs meet weights, in the order of a forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Normed inputs of queries, keys and values.
    Attention,
    /// What attention sums, on its way back to the residual stream.
    AttentionOutput,
    /// Normed inputs of gate and up.
    FeedForward,
    /// silu(gate) · up, on its way back.
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
    /// All linears of the blocks: what quantizers are judged by, the embedding and the head left alone.
    pub fn linears(&self) -> impl Iterator<Item = &Named> {
        let shared = self.layers.iter().flat_map(|layer| &layer.shared);
        shared.flat_map(|shared| &shared.linears)
    }

    /// As `linears`, to be replaced.
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

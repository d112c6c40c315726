//! A Llama of a few thousand random weights as GGUF: two layers, queries that share a head of keys and values, a
//! tokenizer of bytes, letters and two longer pieces.

use crate::common::Random;
use lowbit::gguf::Writer;

/// Floats of the residual stream, and of a feed-forward network.
pub const WIDTH: u64 = 64;
pub const HIDDEN: u64 = 96;
const LAYERS: usize = 2;
const HEADS: u64 = 4;
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz.";

/// `kv_heads` of 4 heads; all weights are f32, the head is that of the embedding.
pub fn tiny(kv_heads: u64) -> Vec<u8> {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(String::from).to_vec();
    tokens.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    let pieces = LETTERS.chars().map(String::from);
    tokens.extend(pieces.chain(["\u{2581}", "th", "\u{2581}th"].map(String::from)));
    let mut kinds = vec![2, 3, 3];
    kinds.extend([6; 256]);
    kinds.resize(tokens.len(), 1);
    let scores: Vec<f32> = (0..tokens.len()).map(|i| i as f32).collect();
    let vocabulary = tokens.len() as u64;

    let mut file = Writer::new();
    let mut key = |name: &str, value: u32| {
        file.metadata(name, value).unwrap();
    };
    key("llama.context_length", 64);
    key("llama.embedding_length", WIDTH as u32);
    key("llama.block_count", LAYERS as u32);
    key("llama.feed_forward_length", HIDDEN as u32);
    key("llama.rope.dimension_count", (WIDTH / HEADS) as u32);
    key("llama.attention.head_count", HEADS as u32);
    key("llama.attention.head_count_kv", kv_heads as u32);
    key("llama.vocab_size", vocabulary as u32);
    key("tokenizer.ggml.bos_token_id", 1);
    file.metadata("general.architecture", "llama").unwrap();
    file.metadata("llama.attention.layer_norm_rms_epsilon", 1e-5f32)
        .unwrap();
    file.metadata("tokenizer.ggml.model", "llama").unwrap();
    file.metadata("tokenizer.ggml.tokens", tokens).unwrap();
    file.metadata("tokenizer.ggml.scores", scores).unwrap();
    file.metadata("tokenizer.ggml.token_type", kinds).unwrap();

    let mut random = Random::new(5);
    let mut tensor = |name: &str, dims: &[u64]| {
        let count: u64 = dims.iter().product();
        // Gains around 1, and some inputs much larger than others, for AWQ to find.
        let norm = dims.len() == 1;
        let scale = if norm { 0.5 } else { 3.0 / (dims[0] as f32).sqrt() };
        let numbers = random.floats(count as usize, scale).into_iter().enumerate();
        let numbers = numbers.map(|(i, v)| {
            if !norm {
                v
            } else if i % 16 == 3 && name != "output_norm.weight" {
                8.0
            } else {
                1.0 + v
            }
        });
        let bytes: Vec<u8> = numbers.flat_map(f32::to_le_bytes).collect();
        file.tensor(name, dims, 0, bytes).unwrap();
    };
    tensor("token_embd.weight", &[WIDTH, vocabulary]);
    let kv = WIDTH / HEADS * kv_heads;
    for i in 0..LAYERS {
        for (part, dims) in [
            ("attn_norm", &[WIDTH][..]),
            ("attn_q", &[WIDTH, WIDTH]),
            ("attn_k", &[WIDTH, kv]),
            ("attn_v", &[WIDTH, kv]),
            ("attn_output", &[WIDTH, WIDTH]),
            ("ffn_norm", &[WIDTH]),
            ("ffn_gate", &[WIDTH, HIDDEN]),
            ("ffn_up", &[WIDTH, HIDDEN]),
            ("ffn_down", &[HIDDEN, WIDTH]),
        ] {
            tensor(&format!("blk.{i}.{part}.weight"), dims);
        }
    }
    tensor("output_norm.weight", &[WIDTH]);
    let mut bytes = Vec::new();
    file.write(&mut bytes).unwrap();
    bytes
}

/// Random words, one text in each line of JSON.
pub fn texts(count: usize) -> String {
    let mut random = Random::new(6);
    let mut letter = || {
        let letters = LETTERS.as_bytes();
        letters[random.next() as usize % letters.len()] as char
    };
    let mut text = || -> String {
        let words = (0..12).map(|_| format!("{}{}{}", letter(), letter(), letter()));
        words.collect::<Vec<_>>().join(" ")
    };
    let lines = (0..count).map(|_| format!("{{\"text\": \"the {}\"}}\n", text()));
    lines.collect()
}

//! Names of tensors: which are quantized, and in which order they are counted.

/// Substrings of the names of weights that stay as they are: small ones, and those that route tokens.
const KEPT: &[&str] = &[
    "_norm.weight",
    // Which expert, and for which token.
    "ffn_gate_inp.weight",
    "ffn_gate_tid2eid.weight",
    "altup",
    "laurel",
    "per_layer_model_proj",
    "ssm_conv1d",
    "shortconv.conv.weight",
    "indexer.k_proj.weight",
    "indexer.q_proj.weight",
    // RWKV.
    "time_mix_first.weight",
    "time_mix_w0.weight",
    "time_mix_w1.weight",
    "time_mix_w2.weight",
    "time_mix_v0.weight",
    "time_mix_v1.weight",
    "time_mix_v2.weight",
    "time_mix_a0.weight",
    "time_mix_a1.weight",
    "time_mix_a2.weight",
    "time_mix_g1.weight",
    "time_mix_g2.weight",
    "time_mix_decay_w1.weight",
    "time_mix_decay_w2.weight",
    "time_mix_lerp_fused.weight",
    "attn_rel_b.weight",
    // Images and sound.
    ".position_embd",
    "sam.pos_embd",
    "sam.neck.",
    "sam.net_",
    ".rel_pos",
    ".patch_embd",
    ".patch_merger",
    "a.rvq.codebook",
    "mm.a.code_embd",
];

/// Whether presets quantize the tensor.
pub(super) fn is_quantized(name: &str, dims: &[u64]) -> bool {
    // Vectors and matrices of one row are too small to gain anything.
    let is_matrix = dims.iter().skip(1).any(|&size| size > 1);
    is_matrix
        && name.ends_with("weight")
        && !matches!(name, "position_embd.weight" | "token_types.weight")
        && !KEPT.iter().any(|part| name.contains(part))
}

/// The layer that a name begins with, `blk.7.`.
pub(super) fn layer(name: &str) -> Option<u64> {
    let (number, _) = name.strip_prefix("blk.")?.split_once('.')?;
    number.parse().ok()
}

/// The order in which llama.cpp counts: by layer, then by name.
pub(super) fn counting_order(tensors: &[(&str, &[u64])]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..tensors.len()).collect();
    order.sort_by_key(|&at| (layer(tensors[at].0), tensors[at].0));
    order
}

//! The role of a tensor in its model, from its name in llama.cpp.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    TokenEmbedding,
    /// The output layer, unless it is tied to the token embedding.
    Head,
    Q,
    K,
    /// The values, alone or fused with keys and queries.
    V,
    AttentionOutput,
    Up,
    Gate,
    Down,
    Other,
}

/// The first substring found in a name determines its role.
const PARTS: &[(&str, Role)] = &[
    ("attn_qkv.weight", Role::V),
    ("attn_kv_b.weight", Role::V),
    ("attn_v.weight", Role::V),
    ("attn_k.weight", Role::K),
    ("attn_q.weight", Role::Q),
    ("attn_output.weight", Role::AttentionOutput),
    ("ffn_up", Role::Up),
    ("ffn_gate", Role::Gate),
    ("ffn_down", Role::Down),
];

impl Role {
    pub fn of(name: &str) -> Role {
        match name {
            "output.weight" => Role::Head,
            "token_embd.weight" | "per_layer_token_embd.weight" => Role::TokenEmbedding,
            _ => {
                let part = PARTS.iter().find(|(part, _)| name.contains(part));
                part.map_or(Role::Other, |&(_, role)| role)
            }
        }
    }
}

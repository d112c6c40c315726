// Packs `row` as ggml's quantize_row_q4_0 does: scale = the number of largest magnitude / -8, field = x / scale +
// 8.5, rounded down, at most 15. A lane owns a word; it looks for the largest of its block again, which costs less
// than waiting for others.

fn scale_of(block: u32) -> f32 {
    var extreme = 0.0;
    for (var i = 0u; i < 32u; i++) {
        let x = row[32u * block + i];
        extreme = select(extreme, x, abs(x) > abs(extreme));
    }
    return extreme / -8.0;
}

fn encode(base: u32, lane: u32) {
    for (var word = lane; word < CODE_WORDS; word += WORKGROUP) {
        let block = word / 4u;
        let scale = scale_of(block);
        let inverse = select(1.0 / scale, 0.0, scale == 0.0);
        var packed = 0u;
        for (var i = 0u; i < 8u; i++) {
            let x = row[32u * block + 4u * (word % 4u) + i % 4u + i / 4u * 16u];
            let field = min(u32(max(x * inverse + 8.5, 0.0)), 15u);
            packed |= field << (8u * (i % 4u) + 4u * (i / 4u));
        }
        cache[base + word] = packed;
    }
    for (var pair = lane; pair < ROW_WORDS - CODE_WORDS; pair += WORKGROUP) {
        var packed = half_bits(scale_of(2u * pair));
        if (2u * pair + 1u < D / 32u) {
            packed |= half_bits(scale_of(2u * pair + 1u)) << 16u;
        }
        cache[base + CODE_WORDS + pair] = packed;
    }
}

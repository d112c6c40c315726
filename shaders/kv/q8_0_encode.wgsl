// Packs `row` as ggml's quantize_row_q8_0 does: scale = max |x| / 127, code = x / scale, halves rounded away from 0.
// A lane owns a word; it looks for the largest of its block again, which costs less than waiting for others.

fn scale_of(block: u32) -> f32 {
    var largest = 0.0;
    for (var i = 0u; i < 32u; i++) {
        largest = max(largest, abs(row[32u * block + i]));
    }
    return largest / 127.0;
}

fn encode(base: u32, lane: u32) {
    for (var word = lane; word < CODE_WORDS; word += WORKGROUP) {
        let scale = scale_of(word / 8u);
        let inverse = select(1.0 / scale, 0.0, scale == 0.0);
        var packed = 0u;
        for (var i = 0u; i < 4u; i++) {
            let v = row[4u * word + i] * inverse;
            let whole = trunc(v);
            let code = i32(whole + select(0.0, sign(v), abs(v - whole) >= 0.5));
            packed |= (bitcast<u32>(code) & 0xffu) << (8u * i);
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

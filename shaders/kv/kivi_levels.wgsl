// Reads what kivi.wgsl says.

// Number `i` of the group at word `at`.
fn number(at: u32, i: u32) -> f32 {
    let bit = i * BITS;
    let word = at + 1u + bit / 32u;
    let shift = bit % 32u;
    var code = cache[word] >> shift;
    if (shift + BITS > 32u) {
        code |= cache[word + 1u] << (32u - shift);
    }
    let pair = unpack2x16float(cache[at]);
    return f32(code & ((1u << BITS) - 1u)) * pair.x + pair.y;
}

// Four numbers from j, a multiple of 4, of vector `token`.
fn levels(token: u32, j: u32) -> vec4<f32> {
    if (token >= packed_tokens(state[0])) {
        return vec4<f32>(recent(token, j), recent(token, j + 2u));
    }
    var four = vec4<f32>();
    for (var i = 0u; i < 4u; i++) {
        let place = select((j + i) % GROUP, token % GROUP, KEYS == 1u);
        four[i] = number(group_at(token, j + i), place);
    }
    return four;
}

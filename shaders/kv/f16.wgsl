// A vector of half floats: number j in half j % 2 of word j / 2.

// Four numbers from j, a multiple of 4, of vector `token`.
fn levels(token: u32, j: u32) -> vec4<f32> {
    let base = token * ROW_WORDS;
    let at = base + j / 2u;
    return vec4<f32>(unpack2x16float(cache[at]), unpack2x16float(cache[at + 1u]));
}

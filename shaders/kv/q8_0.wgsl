// A vector in GGUF's Q8_0, its blocks of 32 taken apart.
//   word 0           codes (i8), number j in byte j % 4 of word j / 4
//   word CODE_WORDS  scales (f16), that of block b in half b % 2 of word b / 2
// Number = scale * code.

// Four numbers from j, a multiple of 4, of vector `token`.
fn levels(token: u32, j: u32) -> vec4<f32> {
    let base = token * ROW_WORDS;
    let block = j / 32u;
    let scales = unpack2x16float(cache[base + CODE_WORDS + block / 2u]);
    let scale = select(scales.x, scales.y, block % 2u == 1u);
    let word = bitcast<i32>(cache[base + j / 4u]);
    let codes = vec4<i32>(word << 24u, word << 16u, word << 8u, word) >> vec4<u32>(24u);
    return scale * vec4<f32>(codes);
}

// A vector in GGUF's Q4_0, its blocks of 32 taken apart.
//   word 0           fields, 4 words a block: number j in the low half of byte j, number j + 16 in its high half
//   word CODE_WORDS  scales (f16), that of block b in half b % 2 of word b / 2
// Number = scale * (field - 8).

// Four numbers from j, a multiple of 4, of vector `token`.
fn levels(token: u32, j: u32) -> vec4<f32> {
    let base = token * ROW_WORDS;
    let block = j / 32u;
    let scales = unpack2x16float(cache[base + CODE_WORDS + block / 2u]);
    let scale = select(scales.x, scales.y, block % 2u == 1u);
    let word = cache[base + 4u * block + j % 16u / 4u] >> (4u * (j % 32u / 16u));
    let fields = (vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u);
    return scale * (vec4<f32>(fields) - 8.0);
}

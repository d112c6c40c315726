// A vector under TurboQuant's Q_prod, rotated, as D numbers of Q_mse and D of the residual's projection.
//   word 0                norm (f32)
//   word 1                norm of the residual (f32)
//   word 2                indices of BITS bits, end to end
//   word 2 + INDEX_WORDS  signs of the projected residual, 1 where positive
// Number = norm * codebook[index]; then norm of the residual * FACTOR (the bits of sqrt(pi / 2) / D) * sign.

// Four numbers from j, a multiple of 4, of vector `token`.
fn levels(token: u32, j: u32) -> vec4<f32> {
    let base = token * ROW_WORDS;
    if (j < D) {
        return bitcast<f32>(cache[base]) * codewords(base + 2u, j);
    }
    let i = j - D;
    let word = cache[base + 2u + INDEX_WORDS + i / 32u] >> (i % 32u);
    let positive = ((vec4<u32>(word) >> vec4<u32>(0u, 1u, 2u, 3u)) & vec4<u32>(1u)) == vec4<u32>(1u);
    let size = bitcast<f32>(cache[base + 1u]) * bitcast<f32>(FACTOR);
    return select(vec4<f32>(-size), vec4<f32>(size), positive);
}

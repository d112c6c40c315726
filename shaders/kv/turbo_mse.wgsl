// A vector under TurboQuant's Q_mse, rotated.
//   word 0  norm (f32)
//   word 1  indices of BITS bits, end to end
// Number = norm * codebook[index].

// Four numbers from j, a multiple of 4, of vector `token`.
fn levels(token: u32, j: u32) -> vec4<f32> {
    let base = token * ROW_WORDS;
    return bitcast<f32>(cache[base]) * codewords(base + 1u, j);
}

// A vector under TurboQuant's Q_mse, rotated.
//   word 0  norm (f32)
//   word 1  indices of BITS bits, end to end
// Number = norm * codebook[index].

// Four numbers from j, a multiple of 4, of the vector at word `base`.
fn levels(base: u32, j: u32) -> vec4<f32> {
    return bitcast<f32>(cache[base]) * codewords(base + 1u, j);
}

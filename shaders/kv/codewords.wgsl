// TurboQuant's codebook and indices into it.

// Codewords, ascending, each with the boundary above it.
@group(0) @binding(4) var<storage, read> codebook: array<vec2<f32>>;

// Four codewords from j, a multiple of 4, of the indices at word `first`.
fn codewords(first: u32, j: u32) -> vec4<f32> {
    let at = j * BITS;
    let shift = at % 32u;
    var fields = cache[first + at / 32u] >> shift;
    if (shift + 4u * BITS > 32u) {
        fields |= cache[first + at / 32u + 1u] << (32u - shift);
    }
    let mask = (1u << BITS) - 1u;
    return vec4<f32>(
        codebook[fields & mask].x,
        codebook[(fields >> BITS) & mask].x,
        codebook[(fields >> (2u * BITS)) & mask].x,
        codebook[(fields >> (3u * BITS)) & mask].x,
    );
}

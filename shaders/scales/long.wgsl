// A scale plane of units of two words, read as one word of 64 bits: see planes/long_pair.wgsl.

@group(0) @binding(1) var<storage, read> scale_plane: array<u64>;

fn scale_unit(row: Row, i: u32) -> ScaleUnit {
    let q = scale_plane[row.scales + i * INTERLEAVE];
    return ScaleUnit(u32(q), u32(q >> 32u));
}

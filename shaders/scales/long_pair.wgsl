// A scale plane of units of four words, read as two words of 64 bits: see planes/long_pair.wgsl.

@group(0) @binding(1) var<storage, read> scale_plane: array<vec2<u64>>;

fn scale_unit(row: Row, i: u32) -> ScaleUnit {
    let q = scale_plane[row.scales + i * INTERLEAVE];
    return ScaleUnit(u32(q.x), u32(q.x >> 32u), u32(q.y), u32(q.y >> 32u));
}

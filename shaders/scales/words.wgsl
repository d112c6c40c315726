// A scale plane of units of one, two or four words.

@group(0) @binding(1) var<storage, read> scale_plane: array<ScaleUnit>;

fn scale_unit(row: Row, i: u32) -> ScaleUnit {
    return scale_plane[row.scales + i * INTERLEAVE];
}

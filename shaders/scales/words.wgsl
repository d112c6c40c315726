// A scale plane of units of one, two or four words.

fn scale_at(row: u32, i: u32) -> ScaleUnit {
    return scale_plane[plane_index(row, i, params.scale_units)];
}

// A scale plane of 16-bit units, two rows to a word.

fn scale_bits(row: u32, i: u32) -> u32 {
    let at = plane_index(row, i, params.scale_units);
    return (scale_plane[at / 2u] >> (16u * (at % 2u))) & 0xffffu;
}

fn scale_half(row: u32, i: u32) -> f32 {
    return unpack2x16float(scale_bits(row, i)).x;
}

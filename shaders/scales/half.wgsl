// A scale plane of 16-bit units, two rows to a word.

@group(0) @binding(1) var<storage, read> scale_plane: array<u32>;

fn scale_unit(row: Row, i: u32) -> u32 {
    let at = row.scales + i * INTERLEAVE;
    return (scale_plane[at / 2u] >> (16u * (at % 2u))) & 0xffffu;
}

fn scale_half(row: Row, i: u32) -> f32 {
    return unpack2x16float(scale_at(row, i)).x;
}

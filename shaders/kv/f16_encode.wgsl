// Packs `row` into half floats, a lane two of them.

fn encode(base: u32, lane: u32) {
    for (var i = lane; i < D / 2u; i += WORKGROUP) {
        cache[base + i] = half_bits(row[2u * i]) | (half_bits(row[2u * i + 1u]) << 16u);
    }
}

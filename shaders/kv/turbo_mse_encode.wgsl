// Packs `row` by TurboQuant's Q_mse. A lane owns every WORKGROUP-th number, then word.

fn encode(base: u32, lane: u32) {
    let size = norm(lane);
    let inverse = select(1.0 / size, 0.0, size == 0.0);
    for (var j = lane; j < D; j += WORKGROUP) {
        codes[j] = index_of(row[j] * inverse);
    }
    workgroupBarrier();
    if (lane == 0u) {
        cache[base] = bitcast<u32>(size);
    }
    store_codes(base + 1u, ROW_WORDS - 1u, BITS, lane);
}

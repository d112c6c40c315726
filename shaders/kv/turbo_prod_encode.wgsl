// Packs `row` by TurboQuant's Q_prod. A lane owns every WORKGROUP-th number, sign, word.

// Column by column, so that neighbouring lanes read neighbouring words.
@group(0) @binding(5) var<storage, read> projection: array<f32>;

fn encode(base: u32, lane: u32) {
    let size = norm(lane);
    let inverse = select(1.0 / size, 0.0, size == 0.0);
    for (var j = lane; j < D; j += WORKGROUP) {
        let y = row[j] * inverse;
        let index = index_of(y);
        codes[j] = index;
        row[j] = y - codebook[index].x;
    }
    workgroupBarrier();
    if (BITS > 0u) {
        store_codes(base + 2u, INDEX_WORDS, max(BITS, 1u), lane);
    }
    let rest = norm(lane);
    if (lane == 0u) {
        cache[base] = bitcast<u32>(size);
        cache[base + 1u] = bitcast<u32>(size * rest);
    }
    // The barriers in `norm` lie between the last use of the indices and this.
    for (var i = lane; i < D; i += WORKGROUP) {
        var sum = 0.0;
        for (var j = 0u; j < D; j++) {
            sum += projection[j * D + i] * row[j];
        }
        codes[i] = select(0u, 1u, sum >= 0.0);
    }
    workgroupBarrier();
    store_codes(base + 2u + INDEX_WORDS, (D + 31u) / 32u, 1u, lane);
}

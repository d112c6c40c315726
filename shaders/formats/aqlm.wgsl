// AQLM. Codes: 2 words a part, 16 bits for each eight weights: one index, or one for each of two
// codebooks. Table: entries of eight halves (f16 or bf16), four words. Scales: one for each group.

fn halves(word: u32) -> vec2<f32> {
    if (IS_BF16 == 1u) {
        return bitcast<vec2<f32>>(vec2<u32>(word << 16u, word & 0xffff0000u));
    }
    return unpack2x16float(word);
}

// Weights 4h to 4h + 3 of an entry.
fn entry(index: u32, h: u32) -> vec4<f32> {
    let at = 4u * index + 2u * h;
    return vec4<f32>(halves(table[at]), halves(table[at + 1u]));
}

fn levels(row: Row, part: u32) -> Levels {
    let q = code_at(row, part);
    var l: Levels;
    for (var o = 0u; o < 4u; o++) { // unroll
        let index = (q[o / 2u] >> (16u * (o % 2u))) & 0xffffu;
        for (var h = 0u; h < 2u; h++) { // unroll
            if (BOOKS == 1u) {
                l.v[2u * o + h] = entry(index, h);
            } else {
                l.v[2u * o + h] = entry(index & 0xffu, h) + entry(256u + (index >> 8u), h);
            }
        }
    }
    return l;
}

fn affine(row: Row, group: u32) -> Affine {
    return Affine(group_scale(row, group), 0.0);
}

// BF16. Codes: 4 units a part, eight weights each, two to a word.

// The two upper halves of an f32 in each word, in order.
fn pairs(words: vec2<u32>) -> vec4<f32> {
    let low = words << vec2<u32>(16u);
    let high = words & vec2<u32>(0xffff0000u);
    return bitcast<vec4<f32>>(vec4<u32>(low.x, high.x, low.y, high.y));
}

fn levels(row: Row, part: u32) -> Levels {
    var l: Levels;
    for (var j = 0u; j < 4u; j++) { // unroll
        let q = code_at(row, 4u * part + j);
        l.v[2u * j] = pairs(q.xy);
        l.v[2u * j + 1u] = pairs(q.zw);
    }
    return l;
}

fn affine(row: Row, group: u32) -> Affine {
    return Affine(1.0, 0.0);
}

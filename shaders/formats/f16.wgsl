// F16. Codes: 4 units a part, eight weights each, two to a word.

fn levels(row: Row, part: u32) -> Levels {
    var l: Levels;
    for (var j = 0u; j < 4u; j++) { // unroll
        let q = code_at(row, 4u * part + j);
        l.v[2u * j] = vec4<f32>(unpack2x16float(q.x), unpack2x16float(q.y));
        l.v[2u * j + 1u] = vec4<f32>(unpack2x16float(q.z), unpack2x16float(q.w));
    }
    return l;
}

fn affine(row: Row, group: u32) -> Affine {
    return Affine(1.0, 0.0);
}

// F32. Codes: 8 units a part, four weights each.

fn levels(row: Row, part: u32) -> Levels {
    var l: Levels;
    for (var j = 0u; j < 8u; j++) { // unroll
        l.v[j] = bitcast<vec4<f32>>(code_at(row, 8u * part + j));
    }
    return l;
}

fn affine(row: Row, group: u32) -> Affine {
    return Affine(1.0, 0.0);
}

// What meets the 32 floats of x of one part.

fn factors(row: Row, part: u32) -> Levels {
    var l = levels(row, part);
    for (var s = 0u; s < SPANS; s++) { // unroll
        let a = affine(row, (part * PART + s * (PART / SPANS)) / GROUP);
        for (var j = 0u; j < 8u / SPANS; j++) { // unroll
            l.v[s * (8u / SPANS) + j] = factor(l.v[s * (8u / SPANS) + j], a);
        }
    }
    return l;
}

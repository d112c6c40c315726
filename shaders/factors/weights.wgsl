// x meets whole weights. Levels and offsets summed apart would cancel where weights are small next to the offset of
// their group. levels.wgsl explains the functions.

fn factors(row: Row, part: u32) -> Levels {
    var l = levels(row, part);
    for (var s = 0u; s < SPANS; s++) { // unroll
        let a = affine(row, (part * PART + s * (PART / SPANS)) / GROUP);
        for (var j = 0u; j < 8u / SPANS; j++) { // unroll
            l.v[s * (8u / SPANS) + j] = weight(l.v[s * (8u / SPANS) + j], a);
        }
    }
    return l;
}

fn sum_of_x(x: vec4<f32>) -> f32 {
    return 0.0;
}

fn weighted(sum: f32, x_sum: f32, a: Centred) -> f32 {
    return sum;
}

// x meets levels minus the zero point; the scale is applied once, to the sum. Levels and zero points summed apart would
// cancel where weights are small next to their zero point. levels.wgsl explains the functions.

fn factors(row: Row, part: u32) -> Levels {
    var l = levels(row, part);
    for (var s = 0u; s < SPANS; s++) { // unroll
        let a = affine(row, (part * PART + s * (PART / SPANS)) / GROUP);
        for (var j = 0u; j < 8u / SPANS; j++) { // unroll
            // Levels may come out of a subtraction of a power of two, which some drivers would otherwise join with
            // this one, and lose the low bits.
            l.v[s * (8u / SPANS) + j] = rounded(l.v[s * (8u / SPANS) + j]) - a.offset;
        }
    }
    return l;
}

fn sum_of_x(x: vec4<f32>) -> f32 {
    return 0.0;
}

fn weighted(sum: f32, x_sum: f32, a: Centred) -> f32 {
    return a.scale * sum;
}

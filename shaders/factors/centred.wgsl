// x meets levels minus the middle level of their group, which costs nothing where levels are a difference anyway; the
// scale and what is left of the offset are applied once, to sums. A lane's rows of W share its sums of x, which is
// cheaper than whole weights where it owns more rows of W than rows of x. levels.wgsl explains the functions.

fn factors(row: Row, part: u32) -> Levels {
    var middles = vec4<f32>(0.0);
    for (var s = 0u; s < SPANS; s++) { // unroll
        middles[s] = about_middle(affine(row, (part * PART + s * (PART / SPANS)) / GROUP)).middle;
    }
    return centred_levels(row, part, middles);
}

fn sum_of_x(x: vec4<f32>) -> f32 {
    return (x.x + x.y) + (x.z + x.w);
}

fn weighted(sum: f32, x_sum: f32, a: Centred) -> f32 {
    return fma(a.scale, sum, a.rest * x_sum);
}

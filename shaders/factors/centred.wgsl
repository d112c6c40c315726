// Products are of levels less the middle one of their group, which costs nothing where levels are a difference
// anyway; scale and what is left of the offset come once, to sums. A lane shares its sums of x among its rows: cheaper
// than whole weights where these are more than its columns. See levels.wgsl for what the functions are.

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

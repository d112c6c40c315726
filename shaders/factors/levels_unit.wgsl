// As levels.wgsl, where levels lack a power of two, LEVEL_POWER: exact, and once for a sum instead of for each level.

fn factors(row: Row, part: u32) -> Levels {
    return levels(row, part);
}

fn sum_of_x(x: vec4<f32>) -> f32 {
    return 0.0;
}

fn weighted(sum: f32, x_sum: f32, a: Centred) -> f32 {
    return a.scale * (sum * LEVEL_POWER);
}

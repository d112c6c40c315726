// What a weighted sum is multiplied by, of which `top` is the largest score and `total` the sum of weights.
fn last_factor(top: f32, total: f32, head: u32) -> f32 {
    return 1.0 / total;
}

// v / (1 + exp(-s)), that is v times the logistic function of s. It uses the square of exp(-|s| / 2), which cannot
// overflow, since not every driver divides correctly by infinity. It takes two factors, so that an output becomes 0
// only where it is too small for f32.
fn times_sigmoid(v: f32, s: f32) -> f32 {
    let root = exp(-0.5 * abs(s));
    return select(v, v * root * root, s < 0.0) / (1.0 + root * root);
}

// v / (1 + exp(-s)), that is v times the logistic function of s. By the square of exp(-|s| / 2), which cannot
// overflow: not every driver divides rightly by infinity. Two factors, so that an output is not 0 before it is
// too small for f32.
fn times_sigmoid(v: f32, s: f32) -> f32 {
    let root = exp(-0.5 * abs(s));
    return select(v, v * root * root, s < 0.0) / (1.0 + root * root);
}

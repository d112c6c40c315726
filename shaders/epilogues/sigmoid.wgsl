// v / (1 + exp(-s)), that is v times the logistic function of s. Past 80 the exponential would soon be
// infinite, which not every driver divides by rightly.
fn times_sigmoid(v: f32, s: f32) -> f32 {
    return v / (1.0 + exp(clamp(-s, -80.0, 80.0)));
}

// v / 2 (1 + tanh(u)), u = sqrt(2 / pi) (v + 0.044715 v^3), as v times the logistic function of 2u: tanh of
// large numbers is NaN on some drivers. Past 20, u need not grow.

fn gelu_tanh(value: f32, row: u32, at: u32) -> f32 {
    let v = clamp(value, -20.0, 20.0);
    return times_sigmoid(value, 1.5957691216 * (v + 0.044715 * v * v * v));
}

// cap tanh(v / cap). Near 0 tanh is a polynomial, since the quotient would lose what 1 hides; farther out it is made of
// exp(-2 |u|), which cannot overflow: tanh of large numbers is NaN on some drivers.

fn soft_cap(value: f32, row: u32, at: u32) -> f32 {
    let u = value / SOFT_CAP;
    let square = u * u;
    let near = u * (1.0 + square * (-0.33333334 + square * (0.13333334 + square * (-0.05396825 + square * 0.021869488))));
    let e = exp(-2.0 * abs(u));
    let far = sign(u) * (1.0 - e) / (1.0 + e);
    return SOFT_CAP * select(far, near, square < 0.0625);
}

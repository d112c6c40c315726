// v times the normal distribution's share below v: v / 2 erfc(-v / sqrt(2)).
//
// erfc by a Chebyshev fit with a relative error of 1.2e-7 (Press et al., Numerical Recipes, 6.2), so that small
// outputs of negative inputs are right too. Past 14 it is 0 in f32.

fn gelu(value: f32, row: u32, at: u32) -> f32 {
    let z = min(abs(value) * 0.70710678, 14.0);
    let t = 1.0 / (1.0 + 0.5 * z);
    var p = 0.17087277;
    p = p * t - 0.82215223;
    p = p * t + 1.48851587;
    p = p * t - 1.13520398;
    p = p * t + 0.27886807;
    p = p * t - 0.18628806;
    p = p * t + 0.09678418;
    p = p * t + 0.37409196;
    p = p * t + 1.00002368;
    let tail = 0.5 * t * exp(p * t - 1.26551223 - z * z);
    return value * select(tail, 1.0 - tail, value > 0.0);
}

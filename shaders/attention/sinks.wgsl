// A score of each query head that takes part in its softmax and has no value.

@group(0) @binding(10) var<storage, read> sinks: array<f32>;

// What a weighted sum is multiplied by, of which `top` is the largest score and `total` the sum of weights.
fn last_factor(top: f32, total: f32, head: u32) -> f32 {
    let higher = max(top, sinks[head]);
    let factor = exp(top - higher);
    return factor / (total * factor + exp(sinks[head] - higher));
}

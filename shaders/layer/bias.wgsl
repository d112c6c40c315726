// Experts are chosen by scores with a bias.

@group(0) @binding(5) var<storage, read> biases: array<f32>;

fn rank_of(score: f32, i: u32) -> f32 {
    return score + biases[i];
}

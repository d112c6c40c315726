// Multiplies by the element at the same place of an operand of y's shape.

@group(0) @binding(10) var<storage, read> factor_words: array<u32>;

fn multiply(value: f32, row: u32, at: u32) -> f32 {
    return value * element(factor_words[word_of(at)], at);
}

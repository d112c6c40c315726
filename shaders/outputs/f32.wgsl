// y and operands of its shape, in f32.

@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn write(at: u32, value: f32) {
    y[at] = value;
}

// Element `at` of an operand of y's shape lies in word `word_of(at)`; `element` takes it out of that word.
fn word_of(at: u32) -> u32 {
    return at;
}

fn element(word: u32, at: u32) -> f32 {
    return bitcast<f32>(word);
}

// y and operands of its shape, in f16: outputs are rounded once, when they are written.

@group(0) @binding(4) var<storage, read_write> y: array<f16>;

fn write(at: u32, value: f32) {
    y[at] = f16(value);
}

// Element `at` of an operand of y's shape lies in word `word_of(at)`; `element` takes it out of that word.
fn word_of(at: u32) -> u32 {
    return at / 2u;
}

fn element(word: u32, at: u32) -> f32 {
    let pair = unpack2x16float(word);
    return select(pair.x, pair.y, at % 2u == 1u);
}

// y, and what is as large as y, in f32.

@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn write(at: u32, value: f32) {
    y[at] = value;
}

// Element `at` of something of y's type lies in word `word_of(at)`, and `element` is what it is.
fn word_of(at: u32) -> u32 {
    return at;
}

fn element(word: u32, at: u32) -> f32 {
    return bitcast<f32>(word);
}

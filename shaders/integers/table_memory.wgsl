// Integer levels from a table: LEVEL_WORDS has each of the 16 four times, as the bytes of a word, and LEVEL_FACTOR is what
// they were divided by. For cards: a byte of two stored nibbles is looked up at once, in 256 words of workgroup memory.

// The level of the low nibble in byte 0, that of the high one in byte 2.
var<workgroup> level_pairs: array<u32, 256>;

fn begin(lane: Lane) {
    var all = LEVEL_WORDS;
    for (var i = lane_index(lane); i < 256u; i += WORKGROUP) {
        level_pairs[i] = (all[i % 16u] & 0xffu) | (all[i / 16u] & 0xff0000u);
    }
    workgroupBarrier();
}

// The levels of the low nibbles of a word, and those of the high ones.
fn two_words(q: u32) -> vec2<u32> {
    let a = level_pairs[q & 0xffu] | (level_pairs[(q >> 8u) & 0xffu] << 8u);
    let b = level_pairs[(q >> 16u) & 0xffu] | (level_pairs[q >> 24u] << 8u);
    return vec2<u32>((a & 0xffffu) | (b << 16u), (a >> 16u) | (b & 0xffff0000u));
}

fn level_words(row: Row, part: u32) -> Codes {
    let q = code_at(row, part);
    let x = two_words(q.x);
    let y = two_words(q.y);
    let z = two_words(q.z);
    let w = two_words(q.w);
    return Codes(vec4<u32>(x.x, y.x, z.x, w.x), vec4<u32>(x.y, y.y, z.y, w.y));
}

// Σ level · x from the sum of products of the bytes, and Σ x.
fn level_sum(d: i32, s: i32) -> f32 {
    return f32(d) * LEVEL_FACTOR;
}

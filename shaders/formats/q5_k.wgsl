// Q5_K. Codes: 20 words for each 128 weights: 4 words of low nibbles a part (as in bits4), then a
// word of high bits for each of the four parts (as in bits1). Scales and affine: scales/k_pairs.wgsl.

fn codes(row: u32, part: u32) -> Codes {
    let unit = 5u * (part / 4u);
    let nibbles = unpack4(code_at(row, unit + part % 4u));
    return join(nibbles, unpack1(code_at(row, unit + 4u)[part % 4u]), 4u);
}

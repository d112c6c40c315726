// NVFP4. Codes: 4 words a part, nibbles that index the table of levels, which are doubled.
// Scales: a word for each 64, four floats of 4 bits of exponent and 3 of mantissa; 127 is a zero, 255 is 480.

fn codes(row: Row, part: u32) -> Codes {
    return stored_codes(row, part);
}

fn affine(row: Row, group: u32) -> Affine {
    let byte = (scale_at(row, group / 4u) >> (8u * (group % 4u))) & 0xffu;
    let e = byte & 127u;
    var scale = bitcast<f32>((e << 20u) + (119u << 23u));
    if (e < 8u) {
        scale = f32(e) * 0x1p-10f;
    }
    if (byte == 127u) {
        scale = 0.0;
    }
    return Affine(scale, 0.0);
}

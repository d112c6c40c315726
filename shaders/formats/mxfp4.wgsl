// MXFP4. Codes: 4 words a part, nibbles that index the table of levels, which are doubled.
// Scales: a half for each 64, the exponent e of the first 32 in its low byte, of the second in the
// high one. The scale is 2^(e - 128).

fn codes(row: Row, part: u32) -> Codes {
    return stored_codes(row, part);
}

fn affine(row: Row, group: u32) -> Affine {
    let e = (scale_at(row, group / 2u) >> (8u * (group % 2u))) & 0xffu;
    // Put together from bits, since exp2 need not be exact. Subnormal for e = 0 and 1.
    let bits = select((e - 1u) << 23u, 0x00200000u << (e & 1u), e < 2u);
    return Affine(bitcast<f32>(bits), 0.0);
}

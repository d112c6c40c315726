// IQ1_M. Codes: a word a part, low bytes of four indices of points. Scales: 3 times 2 words for each 256, 0 and 1: of each
// part a half word, four nibbles: three high bits, down or up; 2: four half words, each four 3-bit scales and four bits
// of d (f16).

fn codes(row: Row, part: u32) -> Codes {
    let low = code_at(row, part);
    let fields = scale_at(row, 3u * (part / 8u) + part % 8u / 4u);
    let high = select(fields.x, fields.y, part % 4u >= 2u) >> (16u * (part % 2u));
    return octets(
        octet((low & 0xffu) | ((high & 7u) << 8u), (high & 8u) != 0u),
        octet(((low >> 8u) & 0xffu) | ((high & 0x70u) << 4u), (high & 0x80u) != 0u),
        octet(((low >> 16u) & 0xffu) | (high & 0x700u), (high & 0x800u) != 0u),
        octet((low >> 24u) | ((high & 0x7000u) >> 4u), (high & 0x8000u) != 0u),
    );
}

fn affine(row: Row, group: u32) -> Affine {
    let fields = scale_at(row, 3u * (group / 16u) + 2u);
    let g = group % 16u;
    let scale = select(fields.x, fields.y, g >= 8u) >> (16u * (g % 8u / 4u) + 3u * (g % 4u));
    let d = ((fields.x >> 12u) & 0xfu) | ((fields.x >> 24u) & 0xf0u)
        | ((fields.y >> 4u) & 0xf00u) | ((fields.y >> 16u) & 0xf000u);
    return Affine(unpack2x16float(d).x * f32(2u * (scale & 7u) + 1u) * 0.125, 0.0);
}

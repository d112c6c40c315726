// IQ1_M. Codes: a word a part, low bytes of four indices of points. Scales: 12 halves for each 256,
// 0 to 7: of each part, four nibbles: three high bits, down or up; 8 to 11: four 3-bit scales and four
// bits of d (f16) each.

fn codes(row: Row, part: u32) -> Codes {
    let low = code_at(row, part);
    let high = scale_at(row, 12u * (part / 8u) + part % 8u);
    return octets(
        iq1_octet((low & 0xffu) | ((high & 7u) << 8u), (high & 8u) != 0u),
        iq1_octet(((low >> 8u) & 0xffu) | ((high & 0x70u) << 4u), (high & 0x80u) != 0u),
        iq1_octet(((low >> 16u) & 0xffu) | (high & 0x700u), (high & 0x800u) != 0u),
        iq1_octet((low >> 24u) | ((high & 0x7000u) >> 4u), (high & 0x8000u) != 0u),
    );
}

fn affine(row: Row, group: u32) -> Affine {
    let unit = 12u * (group / 16u) + 8u;
    let scale = (scale_at(row, unit + (group % 16u) / 4u) >> (3u * (group % 4u))) & 7u;
    let d = (scale_at(row, unit) >> 12u)
        | ((scale_at(row, unit + 1u) >> 8u) & 0xf0u)
        | ((scale_at(row, unit + 2u) >> 4u) & 0xf00u)
        | (scale_at(row, unit + 3u) & 0xf000u);
    return Affine(unpack2x16float(d).x * f32(2u * scale + 1u) * 0.125, 0.0);
}

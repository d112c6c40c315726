// IQ2_XS. Codes: 2 words a part, x: low bytes of four indices of points, y: signs (codes/signs28.wgsl), then the high
// bits of the indices.
// Scales: 5 halves for each 256, 0 to 3: 4-bit scales, 4: d (f16).

fn codes(row: Row, part: u32) -> Codes {
    let q = code_at(row, part);
    let signs = all_signs(q.y);
    return octets(
        octet((q.x & 0xffu) | ((q.y >> 20u) & 0x100u), signs, 0u),
        octet(((q.x >> 8u) & 0xffu) | ((q.y >> 21u) & 0x100u), signs, 1u),
        octet(((q.x >> 16u) & 0xffu) | ((q.y >> 22u) & 0x100u), signs, 2u),
        octet((q.x >> 24u) | ((q.y >> 23u) & 0x100u), signs, 3u),
    );
}

fn affine(row: Row, group: u32) -> Affine {
    let unit = 5u * (group / 16u);
    let scale = (scale_at(row, unit + (group % 16u) / 4u) >> (4u * (group % 4u))) & 15u;
    return Affine(scale_half(row, unit + 4u) * (0.5 + f32(scale)) * 0.25, 0.0);
}

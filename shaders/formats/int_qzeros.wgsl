// Integers with packed zero points. Codes: 32 fields of 2, 3, 4 or 8 bits a part; those of 8 bits are held 128 lower than
// on the host, to fit signed bytes. Scales: HEADER_UNITS units for each eight groups, 0 to 7: a scale each; then zero
// points of ZERO_BITS bits, ZEROS to a unit, the first in the lowest bits.

fn affine(row: Row, group: u32) -> Affine {
    let first = group / 8u * HEADER_UNITS;
    let g = group % 8u;
    let zeros = scale_at(row, first + 8u + g / ZEROS);
    let zero = (zeros >> (g % ZEROS * ZERO_BITS)) & ((1u << ZERO_BITS) - 1u);
    return Affine(group_scale(row, first + g), f32(zero));
}

// Codes as they are stored, and a scale for each group: small floats (4, 6 or 8 bits a weight), NF4 and
// FP4 (nibbles that index the table of levels), Q8_K (signed bytes).

fn codes(row: Row, part: u32) -> Codes {
    return stored_codes(row, part);
}

fn affine(row: Row, group: u32) -> Affine {
    return Affine(group_scale(row, group), 0.0);
}

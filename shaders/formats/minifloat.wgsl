// Floats of 4, 6 or 8 bits. Codes: as many bits a part. Scales: one for each group.

fn codes(row: u32, part: u32) -> Codes {
    return stored_codes(row, part);
}

fn affine(row: u32, group: u32) -> Affine {
    return Affine(group_scale(row, group), 0.0);
}

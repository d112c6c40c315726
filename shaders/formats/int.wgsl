// Symmetric integers. Codes: 32 fields of 2 to 8 bits a part, CODE_OFFSET above the code.
// Scales: one for each group.

fn codes(row: u32, part: u32) -> Codes {
    let stored = stored_codes(row, part);
    if (CODE_OFFSET == 0u) {
        return stored;
    }
    return lowered(stored, CODE_OFFSET);
}

fn affine(row: u32, group: u32) -> Affine {
    return Affine(group_scale(row, group), 0.0);
}

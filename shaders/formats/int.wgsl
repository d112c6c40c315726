// Symmetric integers. Codes: 32 fields of 2 to 8 bits a part, CODE_OFFSET above the code.
// Scales: one for each group.

fn affine(row: Row, group: u32) -> Affine {
    return Affine(group_scale(row, group), 0.0);
}

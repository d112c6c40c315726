// Symmetric integers. Codes: 32 fields of 1, 2, 4 or 8 bits a part, CODE_OFFSET above the code.
// Scales: f16 for each group.

fn codes(row: u32, part: u32) -> Codes {
    let stored = stored_codes(row, part);
    if (CODE_OFFSET == 0u) {
        return stored;
    }
    return Codes(subtract(stored.low, CODE_OFFSET), subtract(stored.high, CODE_OFFSET));
}

fn affine(row: u32, group: u32) -> Affine {
    return Affine(scale_half(row, group), 0.0);
}

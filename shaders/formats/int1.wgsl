// Signs. Codes: a bit for each weight, set for 1, clear for -1. Scales: one for each group.

fn codes(row: u32, part: u32) -> Codes {
    return signs(stored_codes(row, part));
}

fn affine(row: u32, group: u32) -> Affine {
    return Affine(group_scale(row, group), 0.0);
}

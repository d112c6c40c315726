// Integers with a zero point or a bias. Codes: 32 fields of 1 to 8 bits a part; those of 8 bits with a
// zero point are held 128 lower than on the host, to fit signed bytes. Scales: a pair for each group.

fn affine(row: Row, group: u32) -> Affine {
    let pair = group_pair(row, group);
    return Affine(pair.x, pair.y);
}

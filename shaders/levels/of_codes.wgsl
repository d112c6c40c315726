// Levels of all 32 weights of a part, made of their codes.

fn levels(row: Row, part: u32) -> Levels {
    return each(codes(row, part));
}

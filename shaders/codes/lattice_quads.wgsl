// Points of IQ3 as code words: four weights, whose levels the table holds as they are, a byte each.

// The point with this index, with the signs of code word j: bit 8b + j of `signs` is that of weight 4j + b.
fn signed_point(index: u32, signs: u32, j: u32) -> u32 {
    let ones = (signs >> j) & 0x01010101u;
    return (table[index] ^ (ones * 255u)) + ones;
}

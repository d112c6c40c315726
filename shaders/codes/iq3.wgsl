// IQ3: four weights are a point, whose levels the table holds as they are, a byte each, and a sign for each.

alias Point = u32;

fn read_point(i: u32) -> Point {
    return table[i];
}

fn kept(p: Point) -> Point {
    return p | RAISED;
}

// Code word j. Its index is byte j % 4 of `low`, and bit j of `high` above it; bit 4 · (j % 2) + j / 2 of every byte of
// `signs` is a sign.
fn quad(low: u32, high: u32, signs: u32, j: u32) -> u32 {
    let index = ((low >> (8u * (j % 4u))) & 0xffu) | ((high << (8u - j)) & 0x100u);
    return negate(point(index), (signs >> (4u * (j % 2u) + j / 2u)) & 0x01010101u);
}

fn quads(low: vec2<u32>, high: u32, signs: u32) -> Codes {
    return Codes(
        vec4<u32>(
            quad(low.x, high, signs, 0u),
            quad(low.x, high, signs, 1u),
            quad(low.x, high, signs, 2u),
            quad(low.x, high, signs, 3u),
        ),
        vec4<u32>(
            quad(low.y, high, signs, 4u),
            quad(low.y, high, signs, 5u),
            quad(low.y, high, signs, 6u),
            quad(low.y, high, signs, 7u),
        ),
    );
}

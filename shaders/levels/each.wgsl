// Levels of all 32 weights of a part, word by word: what `level` makes of four codes is the file's before
// this one.

fn levels(row: u32, part: u32) -> Levels {
    let c = codes(row, part);
    return Levels(array<vec4<f32>, 8>(
        level(c.low.x),
        level(c.low.y),
        level(c.low.z),
        level(c.low.w),
        level(c.high.x),
        level(c.high.y),
        level(c.high.z),
        level(c.high.w),
    ));
}

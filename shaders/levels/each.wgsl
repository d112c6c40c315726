// Levels of 32 codes or fields, word by word; another file defines `level`, which decodes four.

fn each(c: Codes) -> Levels {
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

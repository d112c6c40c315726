// Levels of 32 codes or fields, word by word, minus the middle of each span; another file defines `level`, which
// decodes four.

fn each_centred(c: Codes, middles: vec4<f32>) -> Levels {
    return Levels(array<vec4<f32>, 8>(
        level(c.low.x, middles[0]),
        level(c.low.y, middles[SPANS / 8u]),
        level(c.low.z, middles[2u * SPANS / 8u]),
        level(c.low.w, middles[3u * SPANS / 8u]),
        level(c.high.x, middles[4u * SPANS / 8u]),
        level(c.high.y, middles[5u * SPANS / 8u]),
        level(c.high.z, middles[6u * SPANS / 8u]),
        level(c.high.w, middles[7u * SPANS / 8u]),
    ));
}

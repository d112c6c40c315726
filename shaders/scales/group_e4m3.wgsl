// One float of 8 bits (4 of exponent, 3 of mantissa) for each group, two to a half; 127 and 255
// stand for NaN.

fn group_scale(row: Row, group: u32) -> f32 {
    let byte = (scale_at(row, group / 2u) >> (8u * (group % 2u))) & 0xffu;
    let magnitude = byte & 127u;
    var bits = (magnitude << 20u) + (120u << 23u);
    if (magnitude < 8u) {
        bits = bitcast<u32>(f32(magnitude) * 0x1p-9f);
    }
    if (magnitude == 127u) {
        bits = 0x7fc00000u;
    }
    return bitcast<f32>(bits | ((byte & 128u) << 24u));
}

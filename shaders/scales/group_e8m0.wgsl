// One power of two for each group, 2^(byte - 127), two to a half; 255 is NaN.

fn group_scale(row: Row, group: u32) -> f32 {
    let e = (scale_at(row, group / 2u) >> (8u * (group % 2u))) & 0xffu;
    var bits = e << 23u;
    if (e == 0u) {
        bits = 0x00400000u;
    }
    if (e == 255u) {
        bits = 0x7fc00000u;
    }
    return bitcast<f32>(bits);
}

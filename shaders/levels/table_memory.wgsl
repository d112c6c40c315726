// Levels of a format whose codes index LEVELS, 16 floats that the composer prints. They are looked up in workgroup memory,
// for cards: the 16 words lie in 16 banks, and lanes that read the same word share the read, so that no two collide.

var<workgroup> level_table: array<f32, 16>;

fn begin(lane: Lane) {
    var all = LEVELS;
    if (lane_index(lane) < 16u) {
        level_table[lane_index(lane)] = all[lane_index(lane)];
    }
    workgroupBarrier();
}

fn level(codes: u32) -> vec4<f32> {
    let i = unpack4xU8(codes);
    return vec4<f32>(level_table[i.x], level_table[i.y], level_table[i.z], level_table[i.w]);
}

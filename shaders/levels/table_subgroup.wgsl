// Levels of a format whose codes index LEVELS, 16 floats that the composer prints. They are looked up in the registers
// of a subgroup of at least eight lanes, each of which holds one or two. On a processor this is one instruction for
// each half of the table, where the tree of selects (table.wgsl) takes twenty.

var<private> low_level: f32;
var<private> high_level: f32;

fn begin(lane: Lane) {
    var all = LEVELS;
    low_level = all[lane.in_subgroup % 8u];
    high_level = all[8u + lane.in_subgroup % 8u];
}

fn looked_up(index: u32) -> f32 {
    let low = subgroupShuffle(low_level, index & 7u);
    let high = subgroupShuffle(high_level, index & 7u);
    return select(low, high, (index & 8u) != 0u);
}

fn level(codes: u32) -> vec4<f32> {
    return vec4<f32>(
        looked_up(codes),
        looked_up(codes >> 8u),
        looked_up(codes >> 16u),
        looked_up(codes >> 24u),
    );
}

// The floats of x that a part needs, the same for all lanes: each reads an eighth (a quarter in subgroups
// of four), and the subgroup spreads them. SUBGROUP is the fewest lanes of a subgroup, at most 8.

fn part_of_x(x_row: u32, part: u32, lane: Lane) -> array<vec4<f32>, 8> {
    let first = x_at(x_row, part * 8u + lane.in_subgroup % SUBGROUP);
    var second = first;
    if (SUBGROUP < 8u) {
        second = x_at(x_row, part * 8u + SUBGROUP + lane.in_subgroup % SUBGROUP);
    }
    return array<vec4<f32>, 8>(
        subgroupBroadcast(first, 0u),
        subgroupBroadcast(first, 1u),
        subgroupBroadcast(first, 2u),
        subgroupBroadcast(first, 3u),
        subgroupBroadcast(second, 4u % SUBGROUP),
        subgroupBroadcast(second, 5u % SUBGROUP),
        subgroupBroadcast(second, 6u % SUBGROUP),
        subgroupBroadcast(second, 7u % SUBGROUP),
    );
}

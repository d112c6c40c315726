// The bytes of x that a part needs, the same for all lanes: each reads a word (two in subgroups of four),
// and the subgroup spreads them. SUBGROUP is the fewest lanes of a subgroup, at most 8.

// This lane's words of a part: number `in_subgroup`, and the one SUBGROUP later.
fn own_words(x_row: u32, part: u32, lane: Lane) -> vec2<u32> {
    let at = x_at(x_row, part);
    let i = lane.in_subgroup % SUBGROUP;
    let first = x[at + i / 4u][i % 4u];
    if (SUBGROUP < 8u) {
        let j = SUBGROUP + i;
        return vec2<u32>(first, x[at + j / 4u][j % 4u]);
    }
    return vec2<u32>(first);
}

// What lanes have, as words 0 to 7 of all.
fn spread(own: vec2<u32>) -> Codes {
    return Codes(
        vec4<u32>(
            subgroupBroadcast(own.x, 0u),
            subgroupBroadcast(own.x, 1u),
            subgroupBroadcast(own.x, 2u),
            subgroupBroadcast(own.x, 3u),
        ),
        vec4<u32>(
            subgroupBroadcast(own.y, 4u % SUBGROUP),
            subgroupBroadcast(own.y, 5u % SUBGROUP),
            subgroupBroadcast(own.y, 6u % SUBGROUP),
            subgroupBroadcast(own.y, 7u % SUBGROUP),
        ),
    );
}

fn spread_bytes(x_row: u32, part: u32, lane: Lane) -> Bytes {
    let rest = x[x_at(x_row, part) + 2u];
    return Bytes(spread(own_words(x_row, part, lane)), bitcast<f32>(rest.x), rest.yz);
}

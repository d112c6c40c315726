// The pairs of x that a part needs, made by every lane. After bytes_loads.wgsl.

fn spread_pairs(x_row: u32, part: u32, lane: Lane) -> Pairs {
    let v = x_bytes(x_row, part).codes;
    return pairs_of(even_pair(v.low), odd_pair(v.low), even_pair(v.high), odd_pair(v.high));
}

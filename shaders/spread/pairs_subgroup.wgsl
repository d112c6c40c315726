// The pairs of x that a part needs: lanes make them of the words they have read, and the subgroup spreads
// them. After bytes_subgroup.wgsl.

fn spread_pairs(x_row: u32, part: u32, lane: Lane) -> Pairs {
    let own = own_words(x_row, part, lane).xyxy;
    let even = spread(even_pair(own).xy);
    let odd = spread(odd_pair(own).xy);
    return pairs_of(even.low, odd.low, even.high, odd.high);
}

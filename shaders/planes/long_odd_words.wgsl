// As odd_words.wgsl, read in words of 64 bits: see long_pair.wgsl. (INT5 on lavapipe 26.2, m = 1: 1.3 times as fast
// as word by word, INT7 and Q5_K 1.1 to 1.2 times, 2026-11-21; units for two parts at a time, which are not read
// in the order they lie in, were slower than words.)

@group(0) @binding(0) var<storage, read> code_plane: array<u64>;

// Two words of a part.
fn two_at(row: Row, part: u32, i: u32) -> vec2<u32> {
    let first = (row.codes + row.codes % INTERLEAVE) / 2u;
    let q = code_plane[first + part * (UNITS * INTERLEAVE / 2u) + i * INTERLEAVE];
    return vec2<u32>(u32(q), u32(q >> 32u));
}

// The word that is left: two rows share one of 64 bits.
fn last_at(row: Row, part: u32) -> u32 {
    let at = row.codes / 2u + part * (UNITS * INTERLEAVE / 2u) + (UNITS - 1u) * (INTERLEAVE / 2u);
    return u32(code_plane[at] >> (32u * (row.codes % 2u)));
}

// Some bits of the first unit of a part: a read whose only purpose is to be early.
fn touch(row: Row, i: u32) -> u32 {
    let first = (row.codes + row.codes % INTERLEAVE) / 2u;
    return u32(code_plane[first + i * (INTERLEAVE / 2u)]);
}

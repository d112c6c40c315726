// IQ1: eight weights are a point with coordinates -1, 0, 1, moved by an eighth up or down. Codes are eighths.
//
// The table holds entries of 16 bits, two to a word: 8 coordinates of 2 bits, one higher, coordinate i next to 4 + i.

// A nibble for each coordinate: byte i has coordinate i, then 4 + i.
alias Point = u32;

fn read_point(i: u32) -> Point {
    let fields = (table[i / 2u] >> (16u * (i % 2u))) & 0xffffu;
    let bytes = (fields | (fields << 8u)) & 0x00ff00ffu;
    let nibbles = (bytes | (bytes << 4u)) & 0x0f0f0f0fu;
    return (nibbles | (nibbles << 2u)) & 0x33333333u;
}

fn kept(p: Point) -> Point {
    return p;
}

fn octet(index: u32, down: bool) -> vec2<u32> {
    let p = point(index);
    let eighths = vec2<u32>(p << 3u, p >> 1u) & vec2<u32>(0x18181818u);
    let raised = eighths + select(0x79797979u, 0x77777777u, down);
    return raised ^ vec2<u32>(0x80808080u ^ RAISED);
}

fn octets(a: vec2<u32>, b: vec2<u32>, c: vec2<u32>, d: vec2<u32>) -> Codes {
    return Codes(vec4<u32>(a, b), vec4<u32>(c, d));
}

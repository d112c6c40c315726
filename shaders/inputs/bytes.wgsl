// x rounded to bytes, as kernels/quantize_rows.wgsl leaves it: for each part of a row 12 words, 0 to 7:
// codes (byte b of word j is that of float 4j + b); 8: the scale (f32); 9, 10: four sums of eight codes
// each (i16); 11: nothing. k needs no check: what lies past its end is 0.

@group(0) @binding(3) var<storage, read> x: array<vec4<u32>>;

struct Bytes {
    codes: Codes,
    scale: f32,
    sums: vec2<u32>,
}

fn x_at(x_row: u32, part: u32) -> u32 {
    return 3u * (input_row(x_row) * ((params.k + PART - 1u) / PART) + part);
}

fn x_bytes(x_row: u32, part: u32) -> Bytes {
    let at = x_at(x_row, part);
    let rest = x[at + 2u];
    return Bytes(Codes(x[at], x[at + 1u]), bitcast<f32>(rest.x), rest.yz);
}

// Sum of the codes of span `s`, from the sums of eight.
fn span_sum(sums: vec2<u32>, s: u32) -> i32 {
    let halves = bitcast<vec2<i32>>(sums);
    let even = (halves << vec2<u32>(16u)) >> vec2<u32>(16u);
    let odd = halves >> vec2<u32>(16u);
    if (SPANS == 4u) {
        return select(even, odd, s % 2u == 1u)[s / 2u];
    }
    let pairs = even + odd;
    if (SPANS == 2u) {
        return pairs[s];
    }
    return pairs.x + pairs.y;
}

// Σ over the words of span `s`, exact. In a function of its own, since naga's names for the bytes collide
// in Metal where two dots stand in one expression.
fn dot4(a: u32, b: u32) -> i32 {
    return dot4I8Packed(a, b);
}

fn codes_word(c: Codes, j: u32) -> u32 {
    if (j < 4u) {
        return c.low[j];
    }
    return c.high[j - 4u];
}

fn span_dot(w: Codes, v: Codes, s: u32) -> i32 {
    var d = 0;
    for (var j = 0u; j < 8u / SPANS; j++) { // unroll
        d += dot4(codes_word(w, s * (8u / SPANS) + j), codes_word(v, s * (8u / SPANS) + j));
    }
    return d;
}

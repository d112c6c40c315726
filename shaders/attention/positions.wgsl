// Normalizes `row`, where NORMS says so, and turns its pairs by angles that grow with the position: rotary embedding.
//
// Pair p of TURNED / 2 is numbers p and p + TURNED / 2 or, INTERLEAVED, 2 p and 2 p + 1; what lies behind is not turned.

// Cosine and sine of each position's pairs.
@group(0) @binding(8) var<storage, read> angles: array<vec2<f32>>;
// Factors of normalized numbers, D of queries, then D of keys.
@group(0) @binding(9) var<storage, read> norms: array<f32>;

var<workgroup> squares: array<f32, WORKGROUP>;

// Each lane has written its part of `row`, and so it is when this returns. `which`: 0 for queries, 1 for keys.
fn place_in_sequence(lane: u32, position: u32, which: u32) {
    if (NORMS == 1u) {
        var sum = 0.0;
        for (var i = lane; i < D; i += WORKGROUP) {
            sum += row[i] * row[i];
        }
        squares[lane] = sum;
        workgroupBarrier();
        sum = 0.0;
        for (var i = 0u; i < WORKGROUP; i++) {
            sum += squares[i];
        }
        let factor = inverseSqrt(sum / f32(D) + bitcast<f32>(EPSILON));
        for (var i = lane; i < D; i += WORKGROUP) {
            row[i] *= factor * norms[which * D + i];
        }
    }
    if (TURNED > 0u) {
        workgroupBarrier();
        for (var pair = lane; pair < TURNED / 2u; pair += WORKGROUP) {
            let i = select(pair, 2u * pair, INTERLEAVED == 1u);
            let j = select(pair + TURNED / 2u, 2u * pair + 1u, INTERLEAVED == 1u);
            let angle = angles[position * (TURNED / 2u) + pair];
            let a = row[i];
            let b = row[j];
            row[i] = a * angle.x - b * angle.y;
            row[j] = a * angle.y + b * angle.x;
        }
    }
}

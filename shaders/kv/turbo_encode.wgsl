// What both types of TurboQuant need: norms of vectors in workgroup memory, indices, words of codes.

var<workgroup> partial: array<f32, WORKGROUP>;
var<workgroup> largest: array<u32, WORKGROUP>;
var<workgroup> codes: array<u32, D>;

// The norm of `row`, the same on every lane. Squares are taken of numbers divided by a power of two, so that none
// overflows and not all underflow. 0 where the largest number is subnormal.
fn norm(lane: u32) -> f32 {
    var top = 0u;
    for (var j = lane; j < D; j += WORKGROUP) {
        top = max(top, bitcast<u32>(row[j]) & 0x7f800000u);
    }
    largest[lane] = top;
    workgroupBarrier();
    for (var i = 0u; i < WORKGROUP; i++) {
        top = max(top, largest[i]);
    }
    // At most 2^126, whose inverse is still a normal number. NaN and infinity pass on to the norm.
    top = min(top, 0x7e800000u);
    let power = bitcast<f32>(top);
    let inverse = bitcast<f32>(0x7f000000u - top);
    var sum = 0.0;
    for (var j = lane; j < D; j += WORKGROUP) {
        let v = row[j] * inverse;
        sum += v * v;
    }
    partial[lane] = sum;
    workgroupBarrier();
    sum = 0.0;
    for (var i = 0u; i < WORKGROUP; i++) {
        sum += partial[i];
    }
    workgroupBarrier();
    return power * sqrt(sum);
}

fn index_of(y: f32) -> u32 {
    var index = 0u;
    for (var i = 0u; i + 1u < (1u << BITS); i++) {
        index += select(0u, 1u, y > codebook[i].y);
    }
    return index;
}

// Writes `codes`, of `bits` bits each, end to end from word `first`.
fn store_codes(first: u32, words: u32, bits: u32, lane: u32) {
    for (var word = lane; word < words; word += WORKGROUP) {
        let begin = 32u * word;
        var packed = 0u;
        for (var j = begin / bits; j < D && j * bits < begin + 32u; j++) {
            let at = j * bits;
            packed |= select(codes[j] >> (begin - at), codes[j] << (at - begin), at >= begin);
        }
        cache[first + word] = packed;
    }
}

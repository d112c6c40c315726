// The largest of the numbers of all lanes, in one order: NaN first, so that it shows, then by size; of equal ones the one
// that comes first.

struct Ranked {
    key: u32,
    index: u32,
}

var<workgroup> ranked: array<Ranked, WORKGROUP>;

// Grows with the number.
fn key_of(v: f32) -> u32 {
    let bits = bitcast<u32>(v);
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return 0xffffffffu;
    }
    return select(bits | 0x80000000u, ~bits, bits >> 31u == 1u);
}

fn is_before(a: Ranked, b: Ranked) -> bool {
    return a.key > b.key || (a.key == b.key && a.index < b.index);
}

// The first of the lanes' numbers, the same on every lane.
fn first_of_all(own: Ranked, lane: u32) -> Ranked {
    ranked[lane] = own;
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half && is_before(ranked[lane + half], ranked[lane])) {
            ranked[lane] = ranked[lane + half];
        }
    }
    workgroupBarrier();
    let first = ranked[0];
    workgroupBarrier();
    return first;
}

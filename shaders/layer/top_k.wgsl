// The BEST largest of rows of COUNT numbers, largest first, and where they are. A workgroup owns a row and looks through
// it once for each.
//
// Constants printed by the composer:
//   COUNT, BEST  numbers of a row; those that are wanted

@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> values: array<f32>;
@group(0) @binding(4) var<storage, read_write> ids: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let base = id.x * COUNT;
    var last = Ranked(0xffffffffu, 0u);
    for (var n = 0u; n < BEST; n++) {
        var own = Ranked(0u, 0xffffffffu);
        for (var i = lane; i < COUNT; i += WORKGROUP) {
            let next = Ranked(key_of(x[base + i]), i);
            if ((n == 0u || is_before(last, next)) && is_before(next, own)) {
                own = next;
            }
        }
        last = first_of_all(own, lane);
        if (lane == 0u) {
            // Of fewer than COUNT numbers there is always one left.
            values[id.x * BEST + n] = x[base + min(last.index, COUNT - 1u)];
            ids[id.x * BEST + n] = last.index;
        }
    }
}

// Normalizes rows of SIZE numbers: by their mean square or, CENTRED, by their variance about their mean. A workgroup owns
// a row.
//
// Constants printed by the composer:
//   SIZE     numbers of a row
//   CENTRED  1 where the mean comes off first
//   EPSILON  the bits of what is added to the mean square

@group(0) @binding(3) var<storage, read_write> y: array<f32>;
// Weight and bias of each number.
@group(0) @binding(4) var<storage, read> factors: array<vec2<f32>>;

var<workgroup> sums: array<f32, WORKGROUP>;

// The sum over all lanes.
fn total(own: f32, lane: u32) -> f32 {
    sums[lane] = own;
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            sums[lane] += sums[lane + half];
        }
    }
    workgroupBarrier();
    let all = sums[0];
    workgroupBarrier();
    return all;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let base = id.x * SIZE;
    var sum = 0.0;
    for (var i = lane; i < SIZE; i += WORKGROUP) {
        sum += take(base + i);
    }
    var mean = 0.0;
    if (CENTRED == 1u) {
        mean = total(sum, lane) / f32(SIZE);
    }
    var squares = 0.0;
    for (var i = lane; i < SIZE; i += WORKGROUP) {
        let v = taken(base + i) - mean;
        squares += v * v;
    }
    let inverse = 1.0 / sqrt(total(squares, lane) / f32(SIZE) + bitcast<f32>(EPSILON));
    for (var i = lane; i < SIZE; i += WORKGROUP) {
        let factor = factors[i];
        y[base + i] = (taken(base + i) - mean) * inverse * factor.x + factor.y;
    }
}

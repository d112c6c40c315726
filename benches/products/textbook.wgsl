// A straightforward Q4_0 kernel: y[r] = Σ_k x[k] · w[r, k].
//
// Codes and scales lie in two planes, row after row. A workgroup owns four rows, 32 lanes each;
// a lane reads every 32nd word of its row, and a tree in workgroup memory adds the lanes' sums.

struct Params {
    k: u32,
}

// Byte b of word j of a block: weight 4j + b in the low nibble, 16 + 4j + b in the high one.
@group(0) @binding(0) var<storage, read> codes: array<u32>;
// Two f16 a word.
@group(0) @binding(1) var<storage, read> scales: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

const ROWS = 4u;
const LANES = 32u;
var<workgroup> partial: array<f32, 128>;

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let lane = index % LANES;
    let row = id.x * ROWS + index / LANES;
    let words = params.k / 8u;

    var sum = 0.0;
    for (var word = lane; word < words; word += LANES) {
        let q = codes[row * words + word];
        let block = word / 4u;
        let scale_index = row * (words / 4u) + block;
        let scale = unpack2x16float(scales[scale_index / 2u])[scale_index % 2u];
        let low = vec4<f32>(unpack4xU8(q & 0x0f0f0f0fu)) - 8.0;
        let high = vec4<f32>(unpack4xU8((q >> 4u) & 0x0f0f0f0fu)) - 8.0;
        let first = block * 8u + word % 4u;
        sum += scale * (dot(low, x[first]) + dot(high, x[first + 4u]));
    }

    partial[index] = sum;
    workgroupBarrier();
    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        if (lane < width) {
            partial[index] += partial[index + width];
        }
        workgroupBarrier();
    }
    if (lane == 0u) {
        y[row] = partial[index];
    }
}

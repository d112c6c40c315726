// What a Linear makes of x before the product: an RMS norm, outlier columns set to zero, factors, a blockwise
// Walsh-Hadamard rotation, a permutation. A workgroup owns one block of one row; each adds up the squares of the
// whole row for itself, which saves a dispatch.
//
// Constants printed by the composer before this file:
//   WORKGROUP  invocations in a workgroup
//   BLOCK      inputs that are rotated together, a power of two; without rotation any number
//   ROTATES    1 where there is a rotation
//   NORMS      1 where there is a norm
//   SQUARES    WORKGROUP where there is a norm, a power of two; 1 elsewhere

struct Params {
    k: u32,
    rows: u32,
    eps: f32,
}

// For each input: a factor (f32, with the norm's weight; 0 for an outlier), and the column of the matrix that
// takes it.
@group(0) @binding(0) var<storage, read> inputs: array<vec2<u32>>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> changed: array<f32>;

var<workgroup> squares: array<f32, SQUARES>;

// What the norm multiplies a row by, before its weights: 1 / sqrt(mean(x²) + eps).
fn row_factor(row: u32, lane: u32) -> f32 {
    var sum = 0.0;
    for (var i = lane; i < params.k; i += WORKGROUP) {
        let value = x[row * params.k + i];
        sum += value * value;
    }
    squares[lane] = sum;
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            squares[lane] += squares[lane + half];
        }
    }
    workgroupBarrier();
    return 1.0 / sqrt(squares[0] / f32(params.k) + params.eps);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let blocks = (params.k + BLOCK - 1u) / BLOCK;
    let index = id.x + id.y * count.x;
    let row = index / blocks;
    let first = (index % blocks) * BLOCK;
    if (row >= params.rows) {
        return;
    }
    var norm = 1.0;
    if (NORMS == 1u) {
        norm = row_factor(row, lane);
    }
    for (var i = lane; i < BLOCK; i += WORKGROUP) {
        if (first + i < params.k) {
            let factor = bitcast<f32>(inputs[first + i].x);
            // Not a product with 0: an infinite outlier would become NaN.
            block[i] = select(x[row * params.k + first + i] * norm * factor, 0.0, factor == 0.0);
        }
    }
    if (ROTATES == 1u) {
        butterflies(lane);
    }
    // Without rotation each lane goes on with what it wrote itself.
    for (var i = lane; i < BLOCK; i += WORKGROUP) {
        if (first + i < params.k) {
            let value = select(block[i], rotated(i), ROTATES == 1u);
            changed[row * params.k + inputs[first + i].y] = value;
        }
    }
}

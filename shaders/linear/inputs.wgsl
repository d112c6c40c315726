// What a Linear makes of x before the product: outlier columns set to zero, factors, a blockwise
// Walsh-Hadamard rotation, a permutation. A workgroup owns one block of one row.
//
// Constants printed by the composer before this file:
//   WORKGROUP  invocations in a workgroup
//   BLOCK      inputs that are rotated together, a power of two; without rotation any number
//   ROTATES    1 where there is a rotation
//   NORM       the bits of 1 / sqrt(BLOCK), an f32

struct Params {
    k: u32,
    rows: u32,
}

// Of each input: a factor (f32; 0 for an outlier), and the column of the matrix that takes it.
@group(0) @binding(0) var<storage, read> inputs: array<vec2<u32>>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> changed: array<f32>;

var<workgroup> block: array<f32, BLOCK>;

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
    for (var i = lane; i < BLOCK; i += WORKGROUP) {
        if (first + i < params.k) {
            let factor = bitcast<f32>(inputs[first + i].x);
            // Not a product with 0: an infinite outlier would become NaN.
            block[i] = select(x[row * params.k + first + i] * factor, 0.0, factor == 0.0);
        }
    }
    if (ROTATES == 1u) {
        for (var half = 1u; half < BLOCK; half *= 2u) {
            workgroupBarrier();
            for (var i = lane; i < BLOCK / 2u; i += WORKGROUP) {
                let at = (i / half) * 2u * half + i % half;
                let a = block[at];
                let b = block[at + half];
                block[at] = a + b;
                block[at + half] = a - b;
            }
        }
        workgroupBarrier();
    }
    // Without rotation each lane goes on with what it wrote itself.
    for (var i = lane; i < BLOCK; i += WORKGROUP) {
        if (first + i < params.k) {
            let value = select(block[i], block[i] * bitcast<f32>(NORM), ROTATES == 1u);
            changed[row * params.k + inputs[first + i].y] = value;
        }
    }
}

// The rotation of a vector in workgroup memory, or its inverse.
//
// Constants printed by the composer before this file:
//   D          numbers of a vector
//   WORKGROUP  invocations in a workgroup
//   ROTATION   0 none, 1 a Hadamard matrix and signs, 2 any matrix
//   INVERSE    1 for the inverse
//   ORDER      order of the Hadamard matrix's own factor; the others have order 2
//   NORM       the bits of 1 / sqrt(D), an f32

// A Hadamard matrix: D signs, then its factor of order ORDER. Any other: the whole matrix. Either way entry j · ORDER +
// i (j · D + i) takes number j to number i, so that neighbouring lanes read neighbouring words.
@group(0) @binding(6) var<storage, read> rotation: array<f32>;

var<workgroup> row: array<f32, D>;
var<workgroup> spare: array<f32, D>;

// All lanes have written their part of `row`; when it returns all may read it.
fn rotate(lane: u32) {
    workgroupBarrier();
    if (ROTATION == 1u) {
        if (INVERSE == 0u) {
            for (var i = lane; i < D; i += WORKGROUP) {
                row[i] *= rotation[i];
            }
            workgroupBarrier();
        }
        if (ORDER > 1u) {
            for (var i = lane; i < D; i += WORKGROUP) {
                var sum = 0.0;
                for (var j = 0u; j < ORDER; j++) {
                    sum += rotation[D + j * ORDER + i % ORDER] * row[i / ORDER * ORDER + j];
                }
                spare[i] = sum;
            }
            workgroupBarrier();
            for (var i = lane; i < D; i += WORKGROUP) {
                row[i] = spare[i];
            }
            workgroupBarrier();
        }
        for (var half = ORDER; half < D; half *= 2u) {
            for (var i = lane; i < D / 2u; i += WORKGROUP) {
                let at = i / half * 2u * half + i % half;
                let a = row[at];
                let b = row[at + half];
                row[at] = a + b;
                row[at + half] = a - b;
            }
            workgroupBarrier();
        }
        for (var i = lane; i < D; i += WORKGROUP) {
            row[i] *= bitcast<f32>(NORM);
            if (INVERSE == 1u) {
                row[i] *= rotation[i];
            }
        }
        workgroupBarrier();
    }
    if (ROTATION == 2u) {
        for (var i = lane; i < D; i += WORKGROUP) {
            var sum = 0.0;
            for (var j = 0u; j < D; j++) {
                sum += rotation[j * D + i] * row[j];
            }
            spare[i] = sum;
        }
        workgroupBarrier();
        for (var i = lane; i < D; i += WORKGROUP) {
            row[i] = spare[i];
        }
        workgroupBarrier();
    }
}

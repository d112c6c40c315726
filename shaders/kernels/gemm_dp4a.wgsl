// Many rows of x, rounded to bytes: a workgroup of 256 lanes owns a tile of 64 rows of W by 64 rows of x.
//
// For every two parts of k, 128 lanes write the level words and affines of one row of W and one part each to workgroup
// memory while the other 128 write the bytes of x; then every lane multiplies 4 rows of W by 4 rows of x. The four
// vec4s of a tile's row are swizzled by its index, so that lanes on different rows hit different banks. Formats with
// four affines a part use 16 KiB of workgroup memory.
//
// Constants printed by the composer, next to those of the prelude:
//   STRETCH  parts whose products are added plainly before the sums are settled

const TILE: u32 = 64u;
const STEP: u32 = 2u;  // parts in workgroup memory at a time

var<workgroup> w_tile: array<vec4<u32>, TILE * STEP * 2u>;
var<workgroup> x_tile: array<vec4<u32>, TILE * STEP * 2u>;
var<workgroup> affines: array<vec2<f32>, TILE * STEP * SPANS>;
var<workgroup> middles: array<f32, TILE * STEP * SPANS>;
// The scale and two words of sums of each part of x.
var<workgroup> x_rest: array<vec3<u32>, TILE * STEP>;

fn swizzled(row: u32, i: u32) -> u32 {
    return row * STEP * 2u + (i ^ ((row / 2u) % 4u));
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles = (params.rows + TILE - 1u) / TILE;
    let index = grid_index(id, count);
    let first_row = (index % tiles) * TILE;
    let first_x_row = (index / tiles) * TILE;
    let parts = part_count(id);
    // This lane's rows are 16 apart: lane_row + 16 i of W, lane_x_row + 16 i of x.
    let lane_row = lane % 16u;
    let lane_x_row = lane / 16u;
    // What this lane fetches.
    let mine = lane % TILE;
    let step = (lane / TILE) % STEP;

    var total: array<Sum, 16>;
    // Sums of STRETCH parts: the error does not grow with k.
    var sum: array<f32, 16>;
    for (var i = 0u; i < 16u; i++) { // unroll
        sum[i] = 0.0;
    }
    for (var first = 0u; first < parts; first += STEP) {
        // Where the number of parts is odd, the last is there twice, the second time with zeros for x.
        let part = min(first + step, parts - 1u);
        if (lane < TILE * STEP) {
            let row = row_at(min(first_row + mine, params.rows - 1u), 0u);
            let w = level_words(row, part);
            w_tile[swizzled(mine, 2u * step)] = w.low;
            w_tile[swizzled(mine, 2u * step + 1u)] = w.high;
            for (var s = 0u; s < SPANS; s++) { // unroll
                let a = about_middle(affine(row, (part * PART + s * (PART / SPANS)) / GROUP));
                affines[(step * SPANS + s) * TILE + mine] = vec2<f32>(a.scale, a.rest);
                middles[(step * SPANS + s) * TILE + mine] = a.middle;
            }
        } else {
            let v = x_bytes(min(first_x_row + mine, params.m - 1u), part);
            let there = first + step < parts;
            let none = vec4<u32>(0u);
            x_tile[swizzled(mine, 2u * step)] = select(none, v.codes.low, there);
            x_tile[swizzled(mine, 2u * step + 1u)] = select(none, v.codes.high, there);
            let rest = vec3<u32>(bitcast<u32>(v.scale), v.sums);
            x_rest[step * TILE + mine] = select(vec3<u32>(0u), rest, there);
        }
        workgroupBarrier();
        for (var p = 0u; p < STEP; p++) {
            var v: array<Bytes, 4>;
            for (var c = 0u; c < 4u; c++) { // unroll
                let x_row = lane_x_row + 16u * c;
                let rest = x_rest[p * TILE + x_row];
                v[c] = Bytes(
                    Codes(x_tile[swizzled(x_row, 2u * p)], x_tile[swizzled(x_row, 2u * p + 1u)]),
                    bitcast<f32>(rest.x),
                    rest.yz,
                );
            }
            for (var r = 0u; r < 4u; r++) { // unroll
                let row = lane_row + 16u * r;
                let w = Codes(w_tile[swizzled(row, 2u * p)], w_tile[swizzled(row, 2u * p + 1u)]);
                for (var s = 0u; s < SPANS; s++) { // unroll
                    let pair = affines[(p * SPANS + s) * TILE + row];
                    let a = Centred(pair.x, pair.y, middles[(p * SPANS + s) * TILE + row]);
                    for (var c = 0u; c < 4u; c++) { // unroll
                        let x_sum = span_sum(v[c].sums, s);
                        let d = span_dot(w, v[c].codes, s);
                        sum[r * 4u + c] += weighted(level_sum(d, x_sum), f32(x_sum), a) * v[c].scale;
                    }
                }
            }
        }
        if ((first / STEP + 1u) % (STRETCH / STEP) == 0u || first + STEP >= parts) {
            for (var i = 0u; i < 16u; i++) { // unroll
                total[i] = plus(total[i], sum[i]);
                sum[i] = 0.0;
            }
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < 4u; r++) { // unroll
        for (var c = 0u; c < 4u; c++) { // unroll
            let row = first_row + lane_row + 16u * r;
            let x_row = first_x_row + lane_x_row + 16u * c;
            if (row < params.rows && x_row < params.m) {
                store(params.first_row + row, x_row, total[r * 4u + c].total + total[r * 4u + c].due);
            }
        }
    }
}

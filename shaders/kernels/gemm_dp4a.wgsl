// Many rows of x, rounded to bytes: a workgroup owns a tile of TILE_N rows of W by TILE_M rows of x, and a lane 4 by 4 of
// its sums.
//
// For every STEP parts of k, lanes write the bytes of x, and the level words and affines of one row of W and one part at
// a time, to workgroup memory; then every lane multiplies 4 rows of W by 4 rows of x. The four vec4s of a tile's row are
// swizzled by its index, so that lanes on different rows hit different banks.
//
// Constants printed by the composer, next to those of the prelude:
//   TILE_N, TILE_M  rows of W and rows of x of a tile: 64, and a quarter of the lanes
//   STRETCH         parts whose products are added plainly before the sums are settled

const SIXTEENS: u32 = WORKGROUP / 16u;
const STEP: u32 = 2u;  // parts in workgroup memory at a time

var<workgroup> w_tile: array<vec4<u32>, TILE_N * STEP * 2u>;
var<workgroup> x_tile: array<vec4<u32>, TILE_M * STEP * 2u>;
var<workgroup> affines: array<vec2<f32>, TILE_N * STEP * SPANS>;
var<workgroup> middles: array<f32, TILE_N * STEP * SPANS>;
// The scale and two words of sums of each part of x.
var<workgroup> x_rest: array<vec3<u32>, TILE_M * STEP>;

fn swizzled(row: u32, i: u32) -> u32 {
    return row * STEP * 2u + (i ^ ((row / 2u) % 4u));
}

fn multiply_tile(id: vec3<u32>, count: vec3<u32>, here: Lane) {
    begin(here);
    let lane = lane_index(here);
    let tiles = (params.rows + TILE_N - 1u) / TILE_N;
    let index = grid_index(id, count);
    let first_row = (index % tiles) * TILE_N;
    let first_x_row = (index / tiles) * TILE_M;
    let parts = part_count(id);
    // This lane's rows of W are 16 apart, its rows of x as many as sixteens of lanes there are.
    let lane_row = lane % 16u;
    let lane_x_row = lane / 16u;
    var total: array<Sum, 16>;
    // Sums of STRETCH parts: the error does not grow with k.
    var sum: array<f32, 16>;
    for (var i = 0u; i < 16u; i++) { // unroll
        sum[i] = 0.0;
    }
    for (var first = 0u; first < parts; first += STEP) {
        // Where the number of parts is odd, the last is there twice, the second time with zeros for x.
        // From the last lane on, so that lanes with no row of W fetch x.
        for (var i = WORKGROUP - 1u - lane; i < TILE_M * STEP; i += WORKGROUP) {
            let own = i % TILE_M;
            let step = i / TILE_M;
            let v = x_bytes(min(first_x_row + own, params.m - 1u), min(first + step, parts - 1u));
            let there = first + step < parts;
            let none = vec4<u32>(0u);
            x_tile[swizzled(own, 2u * step)] = select(none, v.codes.low, there);
            x_tile[swizzled(own, 2u * step + 1u)] = select(none, v.codes.high, there);
            let rest = vec3<u32>(bitcast<u32>(v.scale), v.sums);
            x_rest[step * TILE_M + own] = select(vec3<u32>(0u), rest, there);
        }
        for (var i = lane; i < TILE_N * STEP; i += WORKGROUP) {
            let own = i % TILE_N;
            let step = i / TILE_N;
            let part = min(first + step, parts - 1u);
            let row = row_at(min(first_row + own, params.rows - 1u), 0u);
            let w = level_words(row, part);
            w_tile[swizzled(own, 2u * step)] = w.low;
            w_tile[swizzled(own, 2u * step + 1u)] = w.high;
            for (var s = 0u; s < SPANS; s++) { // unroll
                let a = about_middle(affine(row, (part * PART + s * (PART / SPANS)) / GROUP));
                affines[(step * SPANS + s) * TILE_N + own] = vec2<f32>(a.scale, a.rest);
                middles[(step * SPANS + s) * TILE_N + own] = a.middle;
            }
        }
        workgroupBarrier();
        for (var p = 0u; p < STEP; p++) {
            var v: array<Bytes, 4>;
            for (var c = 0u; c < 4u; c++) { // unroll
                let x_row = lane_x_row + SIXTEENS * c;
                let rest = x_rest[p * TILE_M + x_row];
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
                    let pair = affines[(p * SPANS + s) * TILE_N + row];
                    let a = Centred(pair.x, pair.y, middles[(p * SPANS + s) * TILE_N + row]);
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
            let x_row = first_x_row + lane_x_row + SIXTEENS * c;
            if (row < params.rows && x_row < params.m) {
                store(params.first_row + row, x_row, total[r * 4u + c].total + total[r * 4u + c].due);
            }
        }
    }
}

// Groups the rows of y by the matrix that their ids name, for axes/grouped.wgsl. One workgroup does all of it, in the
// order of the rows, so that the same ids always give the same groups.
//
// A lane owns a matrix (and the one WORKGROUP further on, and so forth): it counts the matrix's rows, learns from the
// lanes before it where its tiles begin, and writes the rows there. Ids past the last matrix form a group of their own,
// after the others.
//
// Constants printed by the composer before this file:
//   WORKGROUP  invocations in a workgroup
//   TILE_M     rows of y in a tile

struct Params {
    members: u32,  // matrices
    y_rows: u32,    // rows of y
    tiles: u32,    // tiles that there are room for
}

@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> ids: array<u32>;
// The matrix of each tile, then the row of y of each place in each tile; NOWHERE where there is none.
@group(0) @binding(3) var<storage, read_write> groups: array<u32>;

const NOWHERE: u32 = 0xffffffffu;

// Some of the ids, for all lanes to read.
var<workgroup> some: array<u32, WORKGROUP>;
var<workgroup> tiles_up_to: array<u32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) lane: u32) {
    var before = 0u;
    for (var first = 0u; first <= params.members; first += WORKGROUP) {
        let member = first + lane;
        var count = 0u;
        for (var at = 0u; at < params.y_rows; at += WORKGROUP) {
            some[lane] = ids[min(at + lane, params.y_rows - 1u)];
            workgroupBarrier();
            for (var i = 0u; i < min(WORKGROUP, params.y_rows - at); i++) {
                count += u32(min(some[i], params.members) == member);
            }
            workgroupBarrier();
        }
        let tiles = (count + TILE_M - 1u) / TILE_M;
        tiles_up_to[lane] = tiles;
        for (var apart = 1u; apart < WORKGROUP; apart *= 2u) {
            workgroupBarrier();
            var sum = tiles_up_to[lane];
            if (lane >= apart) {
                sum += tiles_up_to[lane - apart];
            }
            workgroupBarrier();
            tiles_up_to[lane] = sum;
        }
        workgroupBarrier();
        let first_tile = before + tiles_up_to[lane] - tiles;
        before += tiles_up_to[WORKGROUP - 1u];

        for (var tile = first_tile; tile < first_tile + tiles; tile++) {
            groups[tile] = member;
        }
        var place = params.tiles + first_tile * TILE_M;
        let end = place + tiles * TILE_M;
        for (var at = 0u; at < params.y_rows; at += WORKGROUP) {
            some[lane] = ids[min(at + lane, params.y_rows - 1u)];
            workgroupBarrier();
            for (var i = 0u; i < min(WORKGROUP, params.y_rows - at); i++) {
                if (min(some[i], params.members) == member) {
                    groups[place] = at + i;
                    place++;
                }
            }
            workgroupBarrier();
        }
        while (place < end) {
            groups[place] = NOWHERE;
            place++;
        }
    }
    for (var tile = before + lane; tile < params.tiles; tile += WORKGROUP) {
        groups[tile] = NOWHERE;
    }
    let places = params.tiles + params.tiles * TILE_M;
    for (var at = params.tiles + before * TILE_M + lane; at < places; at += WORKGROUP) {
        groups[at] = NOWHERE;
    }
}

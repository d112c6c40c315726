// Matrices of 8 x 8, as Metal and lavapipe have them. Tiles lie in workgroup memory as single halves:
// wgpu's Metal backend loads a matrix from a pointer to its own element type and from no other.

alias MatrixX = coop_mat8x8<f16, A>;
alias MatrixW = coop_mat8x8<f16, B>;
alias MatrixY = coop_mat8x8<f32, C>;

// Halves in one element of a tile.
const ELEMENT: u32 = 1u;

var<workgroup> w_tile: array<f16, TILE_N * STRIDE>;
var<workgroup> x_tile: array<f16, TILE_M * STRIDE>;

// Weights 4i to 4i + 3 of a part of a tile's row.
fn put_w(row: u32, i: u32, v: vec4<f32>) {
    let at = row * STRIDE + 4u * i;
    w_tile[at] = f16(v.x);
    w_tile[at + 1u] = f16(v.y);
    w_tile[at + 2u] = f16(v.z);
    w_tile[at + 3u] = f16(v.w);
}

fn put_x(x_row: u32, i: u32, v: vec4<f32>) {
    let at = x_row * STRIDE + 4u * i;
    x_tile[at] = f16(v.x);
    x_tile[at + 1u] = f16(v.y);
    x_tile[at + 2u] = f16(v.z);
    x_tile[at + 3u] = f16(v.w);
}

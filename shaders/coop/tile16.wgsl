// Matrices of 16 x 16, as NVIDIA and AMD have them. Tiles lie in workgroup memory in fours, so that a
// lane writes eight bytes at a time.

alias MatrixX = coop_mat16x16<f16, A>;
alias MatrixW = coop_mat16x16<f16, B>;
alias MatrixY = coop_mat16x16<f32, C>;

// Halves in one element of a tile.
const ELEMENT: u32 = 4u;

var<workgroup> w_tile: array<vec4<f16>, TILE_N * STRIDE / ELEMENT>;
var<workgroup> x_tile: array<vec4<f16>, TILE_M * STRIDE / ELEMENT>;

// Weights 4i to 4i + 3 of a part of a tile's row.
fn put_w(row: u32, i: u32, v: vec4<f32>) {
    w_tile[row * STRIDE / ELEMENT + i] = vec4<f16>(v);
}

fn put_x(x_row: u32, i: u32, v: vec4<f32>) {
    x_tile[x_row * STRIDE / ELEMENT + i] = vec4<f16>(v);
}

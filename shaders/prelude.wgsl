// What every kernel and format shares: parameters, addressing, code words. The planes are in
// planes/*.wgsl and scales/*.wgsl.
//
// Constants printed by the composer before this file:
//   INTERLEAVE  rows whose units lie next to each other in a plane
//   PART        weights in one decode call
//   GROUP       weights that share one affine (more than any row has where a row is one group)
//   SLICES      slices of k that workgroups of their own sum
//   SPANS       spans of a part, each with one affine: 1, 2 or 4
// and the aliases CodeUnit and ScaleUnit: u32, vec2<u32> or vec4<u32>.

// Codes of 32 consecutive weights: byte b of word j is the code (i8) of weight 4j + b.
struct Codes {
    low: vec4<u32>,   // words 0 to 3
    high: vec4<u32>,  // words 4 to 7
}

// The same as numbers, still unscaled.
struct Levels {
    v: array<vec4<f32>, 8>,
}

// What turns a level into a weight; affine/*.wgsl say how.
struct Affine {
    scale: f32,
    offset: f32,
}

// The same, counted from the middle level of the group, which centre/*.wgsl choose: weight = scale · (level - middle) +
// rest.
struct Centred {
    scale: f32,
    rest: f32,    // the weight of the middle
    middle: f32,  // whole
}

// A row of W as the kernel counts it, and where its first units lie in this slab. Unit i of a row lies next to unit i
// of its seven neighbours, so that eight lanes that own eight rows read contiguous memory: units of a row are
// INTERLEAVE apart.
struct Row {
    index: u32,
    codes: u32,
    scales: u32,
    in_lane: u32,  // its number among the rows that a lane owns
}

fn row_at(index: u32, in_lane: u32) -> Row {
    let in_slab = slab_row(index);
    let eight = in_slab / INTERLEAVE * INTERLEAVE;
    let lane = in_slab % INTERLEAVE;
    return Row(index, eight * params.code_units + lane, eight * params.scale_units + lane, in_lane);
}

// Subtracts `offset` (0 to 128) from four bytes of at most 127 each; the results are signed bytes.
fn subtract(bytes: vec4<u32>, offset: u32) -> vec4<u32> {
    let high = vec4<u32>(0x80808080u);
    return ((bytes | high) - vec4<u32>(offset * 0x01010101u)) ^ high;
}

// A product that must be rounded before it is added to something: an exclusive-or with a zero that only the host knows
// keeps a compiler from fusing the two into one rounding.
fn rounded(product: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(product) ^ vec4<u32>(params.zero));
}

// Index of this workgroup in a grid that was folded over y to pass 65 535. In a product it is the number of the tile,
// tiles along n counted first. The axis (axes/*.wgsl) keeps what it needs of it.
fn grid_index(id: vec3<u32>, count: vec3<u32>) -> u32 {
    let index = id.x + id.y * count.x;
    enter(index, id.z);
    return index;
}

// The parts of a row, as the end of a loop. The second term is 0, since no grid has 2^31 workgroups in x. It keeps the
// end from depending on `params` alone: Mesa 22.3's lavapipe would otherwise compile the shader again each time it is
// bound, and never free what it compiled (lvp_inline_uniforms.c).
fn part_count(id: vec3<u32>) -> u32 {
    return (params.k + PART - 1u) / PART + (id.x >> 31u);
}

// The parts of a row that this workgroup sums, first and end: those of its slice, which is a multiple of 256 weights;
// none where the workgroup has nothing to do. The same for all its lanes.
fn part_range(id: vec3<u32>, count: vec3<u32>) -> vec2<u32> {
    let parts = part_count(id);
    let whole = (parts + 8u * SLICES - 1u) / (8u * SLICES) * 8u;
    let first = min((id.z % SLICES) * whole, parts);
    let end = min(first + whole, parts);
    return vec2<u32>(first, select(first, end, has_work(id.x + id.y * count.x, id.z / SLICES)));
}

// A stack: several matrices of n rows each, its members, one below the other in one packed matrix. A workgroup
// multiplies by one member. Its rows need not begin at a multiple of INTERLEAVE and may lie in two slabs, of which each
// dispatch writes its own rows.
//
// Constant printed by the composer:
//   GATED  1 where a member is two matrices, a gate and what it gates (gates/twice.wgsl)

// The workgroup's member; of a gated one 1 while the second matrix is multiplied by.
var<private> member: u32;
var<private> second: u32;

// A row of the workgroup's matrix, in the stack. An index past the last member reads the last.
fn matrix_row(row: u32) -> u32 {
    return (min(member, params.members - 1u) * (1u + GATED) + second) * params.n + row;
}

fn slab_row(row: u32) -> u32 {
    let end = params.slab_first + params.slab_rows;
    return clamp(matrix_row(row), params.slab_first, end - 1u) - params.slab_first;
}

fn weight_row(row: u32) -> u32 {
    return matrix_row(row);
}

fn known() -> bool {
    return member < params.members;
}

// Whether rows of member `which` lie in this slab.
fn meets_slab(which: u32) -> bool {
    let rows = (1u + GATED) * params.n;
    let first = min(which, params.members - 1u) * rows;
    return first < params.slab_first + params.slab_rows && first + rows > params.slab_first;
}

// Where output `row` of row `out_row` of y lies, or NOWHERE where another slab has the weights.
fn place(row: u32, out_row: u32) -> u32 {
    let in_stack = matrix_row(row);
    let here = in_stack >= params.slab_first && in_stack - params.slab_first < params.slab_rows;
    return select(NOWHERE, out_row * params.n + row, here);
}

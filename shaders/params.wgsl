// What the host tells a dispatch: `Params` of src/shader/params.rs, field by field.

struct Params {
    n: u32,            // rows of W; in a stack, of each member
    k: u32,            // weights in a row
    m: u32,            // rows of x bound to this dispatch, or rows wanted
    first_row: u32,    // where this slab's rows begin in the matrix; 0 in a stack
    rows: u32,         // rows of this slab; n in a stack
    code_units: u32,   // units of a row in the code plane
    scale_units: u32,  // units of a row in the scale plane
    from_row: u32,     // first row of the matrix wanted (dequantize)
    zero: u32,         // 0, which no compiler knows
    slab_first: u32,   // where this slab's rows begin in the stack
    slab_rows: u32,    // rows of this slab
    members: u32,      // members of the stack
    sharing: u32,      // rows of y made of one row of x
    outputs: u32,      // elements of y bound to this dispatch
    padding: vec2<u32>,
}

@group(0) @binding(2) var<uniform> params: Params;

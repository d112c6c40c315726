// Pairs of words that belong to the columns of a matrix.

@group(0) @binding(5) var<storage, read> table: array<vec2<u32>>;

// Words that codes are looked up in: a grid of a lattice format, or a learned codebook.

@group(0) @binding(5) var<storage, read> table: array<u32>;

// What every axis shares.

// An output that this workgroup does not write.
const NOWHERE: u32 = 0xffffffffu;

// This workgroup's z in the grid: its slice of k and, of stacked matrices, which product it works on.
var<private> depth: u32;

// Values of TOP: what a type of small floats has at the top of its exponents.

const FINITE: u32 = 0u;     // numbers (E2M1, E2M3, E3M2)
const ONE_NAN: u32 = 1u;    // numbers, except where all bits are set: NaN (E4M3)
const INFINITE: u32 = 2u;   // infinity and NaN, as in IEEE 754 (E5M2)

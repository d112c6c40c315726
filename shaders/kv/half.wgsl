// The bits of x as a half float, rounded to nearest even as the processor does; pack2x16float may round either way.

fn half_bits(x: f32) -> u32 {
    let sign = (bitcast<u32>(x) >> 16u) & 0x8000u;
    let a = bitcast<u32>(x) & 0x7fffffffu;
    if (a > 0x7f800000u) {
        return 0x7e00u;  // NaN
    }
    if (a >= 0x477ff000u) {
        return sign | 0x7c00u;  // infinite, from 65520
    }
    if (a >= 0x38800000u) {
        return sign | (((a + 0xfffu + ((a >> 13u) & 1u)) >> 13u) - 0x1c000u);
    }
    if (a <= 0x33000000u) {
        return sign;  // at most half of the smallest
    }
    // Subnormal: in units of 2^-24.
    let shift = 126u - (a >> 23u);
    let mantissa = (a & 0x7fffffu) | 0x800000u;
    let units = mantissa >> shift;
    let rest = mantissa & ((1u << shift) - 1u);
    let middle = 1u << (shift - 1u);
    return sign | (units + select(0u, 1u, rest > middle || (rest == middle && units % 2u == 1u)));
}

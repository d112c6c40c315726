// Levels of codes that are small floats: a sign, EXPONENT bits and MANTISSA bits, as OCP has them.
// Built from bits, so that a negative zero stays one and no multiplication can flush or round.

fn level(codes: u32) -> vec4<f32> {
    let code = unpack4xU8(codes);
    let bias = (1u << (EXPONENT - 1u)) - 1u;
    let top = 1u << (EXPONENT + MANTISSA);
    let magnitude = code & vec4<u32>(top - 1u);
    let normal = (magnitude << vec4<u32>(23u - MANTISSA)) + vec4<u32>((127u - bias) << 23u);
    // Subnormal numbers are whole multiples of the smallest.
    let smallest = bitcast<f32>((128u - bias - MANTISSA) << 23u);
    let small = bitcast<vec4<u32>>(vec4<f32>(magnitude) * smallest);
    var bits = select(normal, small, magnitude < vec4<u32>(1u << MANTISSA));
    if (TOP == ONE_NAN) {
        bits = select(bits, vec4<u32>(0x7fc00000u), magnitude == vec4<u32>(top - 1u));
    }
    if (TOP == INFINITE) {
        let special = (magnitude << vec4<u32>(23u - MANTISSA)) | vec4<u32>(0x7f800000u);
        let first = ((1u << EXPONENT) - 1u) << MANTISSA;
        bits = select(bits, special, magnitude >= vec4<u32>(first));
    }
    return bitcast<vec4<f32>>(bits | ((code & vec4<u32>(top)) << vec4<u32>(31u - EXPONENT - MANTISSA)));
}

// Four bits as the fifth bits of four bytes.
fn fifth(bits: vec4<u32>) -> vec4<u32> {
    return (((bits & vec4<u32>(15u)) * 0x00204081u) & vec4<u32>(0x01010101u)) << vec4<u32>(4u);
}

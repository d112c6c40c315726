// Levels of a format whose codes index LEVELS, 16 floats that the composer prints.
//
// A tree of selects, four weights at a time. Reading a table in memory instead took three times as
// long on lavapipe (NF4 GEMV 4096 x 4096: 25.9 against 8.5 ms, Mesa 22.3, 2026-11-21).

fn level(codes: u32) -> vec4<f32> {
    let i = unpack4xU8(codes);
    let b0 = (i & vec4<u32>(1u)) != vec4<u32>(0u);
    let b1 = (i & vec4<u32>(2u)) != vec4<u32>(0u);
    let b2 = (i & vec4<u32>(4u)) != vec4<u32>(0u);
    let b3 = (i & vec4<u32>(8u)) != vec4<u32>(0u);
    let p0 = select(vec4<f32>(LEVELS[0]), vec4<f32>(LEVELS[1]), b0);
    let p1 = select(vec4<f32>(LEVELS[2]), vec4<f32>(LEVELS[3]), b0);
    let p2 = select(vec4<f32>(LEVELS[4]), vec4<f32>(LEVELS[5]), b0);
    let p3 = select(vec4<f32>(LEVELS[6]), vec4<f32>(LEVELS[7]), b0);
    let p4 = select(vec4<f32>(LEVELS[8]), vec4<f32>(LEVELS[9]), b0);
    let p5 = select(vec4<f32>(LEVELS[10]), vec4<f32>(LEVELS[11]), b0);
    let p6 = select(vec4<f32>(LEVELS[12]), vec4<f32>(LEVELS[13]), b0);
    let p7 = select(vec4<f32>(LEVELS[14]), vec4<f32>(LEVELS[15]), b0);
    let q0 = select(p0, p1, b1);
    let q1 = select(p2, p3, b1);
    let q2 = select(p4, p5, b1);
    let q3 = select(p6, p7, b1);
    let r0 = select(q0, q1, b2);
    let r1 = select(q2, q3, b2);
    return select(r0, r1, b3);
}

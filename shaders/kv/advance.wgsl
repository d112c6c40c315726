// Counts vectors that were appended, one for each workgroup, as far as there is room, or (CLEARS) forgets all.

@group(0) @binding(1) var<storage, read_write> state: array<u32>;  // vectors in the cache, and room for so many

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>) {
    if (id.x == 0u) {
        let appended = min(count.x, state[1] - state[0]);
        state[0] = select(state[0] + appended, 0u, CLEARS == 1u);
    }
}

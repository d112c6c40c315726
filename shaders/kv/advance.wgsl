// Counts vectors that were appended, one for each workgroup, or (CLEARS) forgets all.

@group(0) @binding(1) var<storage, read_write> state: array<u32>;

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>) {
    if (id.x == 0u) {
        state[0] = select(state[0] + count.x, 0u, CLEARS == 1u);
    }
}

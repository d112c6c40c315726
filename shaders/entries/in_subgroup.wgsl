// The entry point of a kernel whose lanes spread among their subgroup what each has read.
//
// Built-ins of subgroups are plain arguments here and in the other entry points: naga's HLSL writer does not see
// them in a struct, and DirectX's compiler then refuses the shader.

struct Lane {
    index: u32,
    in_subgroup: u32,
}

fn lane_index(lane: Lane) -> u32 {
    return lane.index;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
    @builtin(subgroup_invocation_id) in_subgroup: u32,
) {
    multiply_all(id, count, Lane(index, in_subgroup));
}

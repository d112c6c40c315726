// The entry point of a kernel whose lanes need to know their place in the workgroup only.

struct Lane {
    index: u32,
}

fn lane_index(lane: Lane) -> u32 {
    return lane.index;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    multiply_all(id, count, Lane(index));
}

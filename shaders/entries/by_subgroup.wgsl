// The entry point of a kernel whose lanes are counted by subgroup, so that neighbouring lanes are of one subgroup. WGSL
// does not promise that of the order in the workgroup.
//
// in_subgroup.wgsl says why these are plain arguments.

struct Lane {
    subgroup: u32,
    size: u32,
    index: u32,
}

fn lane_index(lane: Lane) -> u32 {
    return lane.subgroup * lane.size + lane.index;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_size) size: u32,
    @builtin(subgroup_invocation_id) index: u32,
) {
    multiply_all(id, count, Lane(subgroup, size, index));
}

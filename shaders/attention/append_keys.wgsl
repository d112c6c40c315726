// Takes in the queries and keys of a row.

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    if (id.y < Q_HEADS) {
        take_query(id.x, id.y, lane);
    } else {
        take_key(id.x, id.y - Q_HEADS, lane);
    }
}

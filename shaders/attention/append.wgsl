// Takes in all of a row, where the device binds as many buffers. A workgroup owns one vector: a head of a row.

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    if (id.y < Q_HEADS) {
        take_query(id.x, id.y, lane);
    } else if (id.y < Q_HEADS + KV_HEADS) {
        take_key(id.x, id.y - Q_HEADS, lane);
    } else {
        take_value(id.x, id.y - Q_HEADS - KV_HEADS, lane);
    }
}

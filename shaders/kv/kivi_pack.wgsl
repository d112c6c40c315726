// Packs the tokens that rows of x push out of the recent ones, be they recent themselves or among these rows. A
// workgroup owns GROUP tokens of keys, or one of values, a lane every WORKGROUP-th group of it.
//
// Constants printed by the composer before this file:
//   D            numbers of a vector
//   BITS, GROUP, GROUP_WORDS, RESIDUAL, KEYS  as in kivi.wgsl
//   WORKGROUP    invocations in a workgroup

@group(0) @binding(0) var<storage, read_write> cache: array<u32>;
// Vectors in the cache, without these rows, and room for so many.
@group(0) @binding(1) var<storage, read> state: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;

const OWNED: u32 = D / GROUP + KEYS * (D - D / GROUP);
const TOP: f32 = f32((1u << BITS) - 1u);

// A number as a half float has it.
fn number(token: u32, channel: u32) -> f32 {
    let len = state[0];
    if (token < len) {
        let pair = recent(token, channel / 2u * 2u);
        return select(pair.x, pair.y, channel % 2u == 1u);
    }
    // No further than the rows go, also where what was recorded ran in another order.
    let at = min((token - len) * D + channel, arrayLength(&x) - 1u);
    return unpack2x16float(half_bits(x[at])).x;
}

// Number `i` of the group that begins with this token and channel.
fn in_group(token: u32, channel: u32, i: u32) -> f32 {
    if (KEYS == 1u) {
        return number(token + i, channel);
    }
    return number(token, channel + i);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let token = packed_tokens(state[0]) + id.x * select(1u, GROUP, KEYS == 1u);
    if (token >= packed_tokens(state[1])) {
        return;
    }
    for (var owned = lane; owned < OWNED; owned += WORKGROUP) {
        let channel = owned * select(GROUP, 1u, KEYS == 1u);
        var low = in_group(token, channel, 0u);
        var high = low;
        for (var i = 1u; i < GROUP; i++) {
            let v = in_group(token, channel, i);
            low = min(low, v);
            high = max(high, v);
        }
        let at = group_at(token, channel);
        let head = half_bits((high - low) / TOP) | (half_bits(low) << 16u);
        cache[at] = head;
        // Codes fit the scale and minimum that are stored.
        let pair = unpack2x16float(head);
        let inverse = select(1.0 / pair.x, 0.0, pair.x == 0.0);
        var word = at + 1u;
        var packed = 0u;
        var filled = 0u;
        for (var i = 0u; i < GROUP; i++) {
            let code = u32(clamp(round((in_group(token, channel, i) - pair.y) * inverse), 0.0, TOP));
            packed |= code << filled;
            filled += BITS;
            if (filled >= 32u) {
                cache[word] = packed;
                word += 1u;
                filled -= 32u;
                packed = select(0u, code >> (BITS - filled), filled > 0u);
            }
        }
        if (filled > 0u) {
            cache[word] = packed;
        }
    }
}

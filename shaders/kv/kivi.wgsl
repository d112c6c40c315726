// KIVI's layout: the last tokens in half floats, older ones in groups.
//   word 0       token t that is recent, D / 2 words from t % RESIDUAL * D / 2
//   word PACKED  groups of GROUP_WORDS words: scale and minimum (f16), then codes of BITS bits, end to end. A group is
//                one channel of GROUP tokens (KEYS), D of them for each GROUP tokens, or GROUP channels of one
//                token
// Number = code * scale + minimum.

const PACKED: u32 = RESIDUAL * D / 2u;

// How many of `len` tokens are in groups.
fn packed_tokens(len: u32) -> u32 {
    if (KEYS == 1u) {
        return len / RESIDUAL * RESIDUAL;
    }
    return len - min(len, RESIDUAL);
}

// The first word of the group of a number.
fn group_at(token: u32, channel: u32) -> u32 {
    if (KEYS == 1u) {
        return PACKED + (token / GROUP * D + channel) * GROUP_WORDS;
    }
    return PACKED + (token * (D / GROUP) + channel / GROUP) * GROUP_WORDS;
}

// Two numbers from `channel`, an even one, of a recent token.
fn recent(token: u32, channel: u32) -> vec2<f32> {
    return unpack2x16float(cache[(token % RESIDUAL * D + channel) / 2u]);
}

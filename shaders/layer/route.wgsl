// The experts of a token: the BEST of COUNT scores made of logits, and their weights. A workgroup owns a token.
//
// Constants printed by the composer:
//   COUNT, BEST  experts; those of a token
//   SIGMOID      1 where a score is the logistic function of its logit, 0 where all make a softmax
//   NORMALIZED   1 where the weights of a token are divided by their sum
//   SCALE        the bits of what weights are multiplied by at last

@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read_write> ids: array<u32>;
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;

var<workgroup> scores: array<f32, COUNT>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let base = id.x * COUNT;
    for (var i = lane; i < COUNT; i += WORKGROUP) {
        scores[i] = logits[base + i];
    }
    workgroupBarrier();
    // Experts are few: every lane finds the largest, and the sum, for itself.
    var top = scores[0];
    for (var i = 1u; i < COUNT; i++) {
        top = max(top, scores[i]);
    }
    var total = 0.0;
    for (var i = 0u; i < COUNT; i++) {
        total += exp(scores[i] - top);
    }
    workgroupBarrier();
    for (var i = lane; i < COUNT; i += WORKGROUP) {
        let logit = scores[i];
        // Without an exponential that overflows.
        let small = exp(-abs(logit));
        let sigmoid = select(1.0, small, logit < 0.0) / (1.0 + small);
        scores[i] = select(exp(logit - top) / total, sigmoid, SIGMOID == 1u);
    }
    workgroupBarrier();
    var last = Ranked(0xffffffffu, 0u);
    var sum = 0.0;
    for (var n = 0u; n < BEST; n++) {
        var own = Ranked(0u, 0xffffffffu);
        for (var i = lane; i < COUNT; i += WORKGROUP) {
            let next = Ranked(key_of(rank_of(scores[i], i)), i);
            if ((n == 0u || is_before(last, next)) && is_before(next, own)) {
                own = next;
            }
        }
        last = first_of_all(own, lane);
        let score = scores[min(last.index, COUNT - 1u)];
        sum += score;
        if (lane == 0u) {
            ids[id.x * BEST + n] = last.index;
            weights[id.x * BEST + n] = score;
        }
    }
    if (lane == 0u) {
        for (var n = 0u; n < BEST; n++) {
            let weight = weights[id.x * BEST + n];
            weights[id.x * BEST + n] = select(weight, weight / sum, NORMALIZED == 1u) * bitcast<f32>(SCALE);
        }
    }
}

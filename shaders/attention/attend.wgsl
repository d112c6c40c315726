// Attention without scores in memory: y = Σ softmax(scale · ⟨q, k⟩) · v over what each row sees. A workgroup owns HEADS
// query heads that share a key head, of TILE rows, and a SPLITS-th of the tokens. For each 64 tokens a lane owns one,
// whose key it decodes once for all rows and heads; then the lanes share each row's softmax, whose largest score and sum
// go along as tokens come (no score is kept); then a lane owns four numbers of the values.
//
// Names of the type of values begin with `value_` and `VALUE_`.
//
// Constants printed by the composer, next to those of the types:
//   Q_HEADS, KV_HEADS    heads of queries; of keys, and of values
//   HEADS, HEAD_TILES    query heads of a workgroup; workgroups for the query heads that share a key head
//   TILE, ROWS           rows of a workgroup; HEADS of each
//   CAPACITY, PLACES     positions of a sequence, and of all sequences
//   WINDOW               tokens that a row sees at most
//   WIDTH, VALUE_WIDTH   numbers of a key's and of a value's levels, multiples of 4
//   COLUMNS              fours of a value that a lane owns
//   SCALE, CAP           the bits of what products are multiplied by, and of the cap of scores, 0 where there is none
//   SPLITS               workgroups that share the tokens of a row, whose sums `combine` adds
//   DIRECT               1 where there is nothing left to do but to divide

@group(0) @binding(0) var<storage, read> cache: array<u32>;
@group(0) @binding(1) var<storage, read> places: array<u32>;
@group(0) @binding(2) var<storage, read> prepared: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> value_cache: array<u32>;

const FOURS: u32 = WIDTH / 4u;
const VALUE_FOURS: u32 = VALUE_WIDTH / 4u;
// Lanes that share the softmax of a row.
const SHARING: u32 = WORKGROUP / ROWS;
// Where values have fewer fours than there are lanes, crews of lanes share the tokens.
const CREWS: u32 = max(WORKGROUP / VALUE_FOURS, 1u);
// Less than any score.
const MASKED: f32 = -3.0e38;

var<workgroup> query: array<vec4<f32>, ROWS * FOURS>;
var<workgroup> weights: array<f32, ROWS * WORKGROUP>;
var<workgroup> of_lanes: array<f32, WORKGROUP>;
var<workgroup> factors: array<f32, ROWS>;
var<workgroup> fours: array<vec4<f32>, WORKGROUP>;

// The place of row `i` of this tile. Rows past the end are the last row again; what they make is not written. A place
// past the last is the last.
fn place_of(first: u32, i: u32) -> u32 {
    return min(places[min(first + i, arrayLength(&places) - 1u)], PLACES - 1u);
}

fn score(product: f32) -> f32 {
    let s = product * bitcast<f32>(SCALE);
    if (CAP == 0u) {
        return s;
    }
    // Past 10, tanh is 1 in f32, and some drivers fail on large arguments.
    let cap = bitcast<f32>(CAP);
    return cap * tanh(clamp(s / cap, -10.0, 10.0));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first = id.x * TILE;
    let split = id.y % SPLITS;
    let head_tile = id.y / SPLITS % HEAD_TILES;
    let key_head = id.y / SPLITS / HEAD_TILES;
    let first_head = key_head * (Q_HEADS / KV_HEADS) + head_tile * HEADS;
    let end_head = (key_head + 1u) * (Q_HEADS / KV_HEADS);

    for (var i = lane; i < ROWS * FOURS; i += WORKGROUP) {
        let r = i / FOURS;
        let of_row = min(first + r / HEADS, arrayLength(&places) - 1u);
        let head = min(first_head + r % HEADS, end_head - 1u);
        query[i] = prepared[(of_row * Q_HEADS + head) * FOURS + i % FOURS];
    }
    workgroupBarrier();

    // Of the row whose softmax this lane shares.
    let own = lane / SHARING;
    var top = MASKED;
    var total = 0.0;
    var sum: array<vec4<f32>, ROWS * COLUMNS>;
    let column = lane % min(VALUE_FOURS, WORKGROUP);
    let crew = lane / min(VALUE_FOURS, WORKGROUP);

    for (var t = 0u; t < TILE; t++) {
        // Rows of one sequence together; each sequence when its first row comes.
        let sequence = place_of(first, t) / CAPACITY;
        var seen = false;
        var begin = CAPACITY;
        var end = 0u;
        for (var other = 0u; other < TILE; other++) {
            let place = place_of(first, other);
            if (place / CAPACITY == sequence) {
                seen = seen || other < t;
                let behind = place % CAPACITY + 1u;
                begin = min(begin, behind - min(behind, WINDOW));
                end = max(end, behind);
            }
        }
        if (seen) {
            continue;
        }
        let each = ((end - begin + SPLITS - 1u) / SPLITS + WORKGROUP - 1u) / WORKGROUP * WORKGROUP;
        begin += split * each;
        end = min(end, begin + each);
        let vectors = (sequence * KV_HEADS + key_head) * CAPACITY;

        for (var block = begin; block < end; block += WORKGROUP) {
            let token = block + lane;
            var product: array<f32, ROWS>;
            if (token < end) {
                for (var i = 0u; i < FOURS; i++) {
                    let four = levels(vectors + token, 4u * i);
                    for (var r = 0u; r < ROWS; r++) { // unroll
                        product[r] += dot(query[r * FOURS + i], four);
                    }
                }
            }
            for (var r = 0u; r < ROWS; r++) { // unroll
                let place = place_of(first, r / HEADS);
                let last = place % CAPACITY;
                let sees = place / CAPACITY == sequence && token <= last && last - min(token, last) < WINDOW;
                weights[r * WORKGROUP + lane] = select(MASKED, score(product[r]), sees && token < end);
            }
            workgroupBarrier();

            var largest = MASKED;
            for (var i = lane % SHARING; i < WORKGROUP; i += SHARING) {
                largest = max(largest, weights[own * WORKGROUP + i]);
            }
            of_lanes[lane] = largest;
            workgroupBarrier();
            for (var i = 0u; i < SHARING; i++) {
                largest = max(largest, of_lanes[own * SHARING + i]);
            }
            let higher = max(top, largest);
            let factor = exp(top - higher);
            top = higher;
            total *= factor;
            for (var i = lane % SHARING; i < WORKGROUP; i += SHARING) {
                let s = weights[own * WORKGROUP + i];
                let weight = select(exp(s - top), 0.0, s == MASKED);
                weights[own * WORKGROUP + i] = weight;
                total += weight;
            }
            if (lane % SHARING == 0u) {
                factors[own] = factor;
            }
            workgroupBarrier();

            for (var r = 0u; r < ROWS; r++) { // unroll
                for (var c = 0u; c < COLUMNS; c++) { // unroll
                    sum[r * COLUMNS + c] *= factors[r];
                }
            }
            if (crew < CREWS) {
                for (var i = crew; i < min(WORKGROUP, end - block); i += CREWS) {
                    for (var c = 0u; c < COLUMNS; c++) { // unroll
                        let four = column + c * WORKGROUP;
                        if (four < VALUE_FOURS) {
                            let v = value_levels(vectors + block + i, 4u * four);
                            for (var r = 0u; r < ROWS; r++) { // unroll
                                sum[r * COLUMNS + c] += weights[r * WORKGROUP + i] * v;
                            }
                        }
                    }
                }
            }
            workgroupBarrier();
        }
    }

    // What the lanes of a row and of a column have.
    of_lanes[lane] = total;
    if (lane % SHARING == 0u) {
        factors[own] = top;
    }
    workgroupBarrier();
    for (var r = 0u; r < ROWS; r++) { // unroll
        var all = 0.0;
        for (var i = 0u; i < SHARING; i++) {
            all += of_lanes[r * SHARING + i];
        }
        let of_row = first + r / HEADS;
        let head = first_head + r % HEADS;
        let here = of_row < arrayLength(&places) && head < end_head;
        let at = (of_row * Q_HEADS + head) * SPLITS + split;
        for (var c = 0u; c < COLUMNS; c++) { // unroll
            fours[lane] = sum[r * COLUMNS + c];
            workgroupBarrier();
            let four = column + c * WORKGROUP;
            if (here && crew == 0u && four < VALUE_FOURS) {
                var whole = fours[column];
                for (var s = 1u; s < CREWS; s++) {
                    whole += fours[s * VALUE_FOURS + column];
                }
                if (DIRECT == 1u) {
                    y[at * VALUE_FOURS + four] = whole * last_factor(factors[r], all, head);
                } else {
                    y[at * (VALUE_FOURS + 1u) + four] = whole;
                    if (four == 0u) {
                        y[at * (VALUE_FOURS + 1u) + VALUE_FOURS] = vec4<f32>(factors[r], all, 0.0, 0.0);
                    }
                }
            }
            workgroupBarrier();
        }
    }
}

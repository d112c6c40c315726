// Rounds x to bytes: each run of 32 floats of a row becomes codes from -127 to 127 and a scale, as inputs/bytes.wgsl
// reads them; zeros fill up a short last run. The scale is the run's own, its row's, or a given one with the code that
// stands for 0.
//
// Eight lanes own a run, each one word of four codes. The largest magnitude is found among integers, where NaN lies
// above infinity and infinity above finite values: a run (or row) that has one gets it as its scale and zeros as its
// codes, so that its outputs are NaN on every device.
//
// Constants printed by the composer before this file:
//   WORKGROUP  invocations in a workgroup, a multiple of 8
//   SCALES     0: a scale for each run; 1: for each row, which a workgroup owns; 2: params.scale

struct Params {
    k: u32,
    rows: u32,
    scale: f32,
    // What x is multiplied by.
    inverse: f32,
    zero_point: i32,
}

@workgroup(0) @binding(1) var<uniform> params: Params;
@workgroup(0) @binding(2) var<storage, read> x: array<f32>;
@workgroup(0) @binding(3) var<storage, read_write> rounded: array<u32>;

const RUN: u32 = 32u;
const RUN_WORDS: u32 = 12u;
const INFINITE: u32 = 0x7f800000u;

var<workgroup> largest: array<u32, WORKGROUP>;
var<workgroup> sums: array<i32, WORKGROUP>;

fn magnitude(v: f32) -> u32 {
    return bitcast<u32>(v) & 0x7fffffffu;
}

// The largest magnitude of a row, which all lanes share.
fn largest_of_row(row: u32, lane: u32) -> u32 {
    var own = 0u;
    for (var i = lane; i < params.k; i += WORKGROUP) {
        own = max(own, magnitude(x[row * params.k + i]));
    }
    largest[lane] = own;
    workgroupBarrier();
    var top = 0u;
    for (var i = 0u; i < WORKGROUP; i++) {
        top = max(top, largest[i]);
    }
    // `largest` is written again.
    workgroupBarrier();
    return top;
}

// Run number `run` of `row`, where there is one, by its own largest magnitude or that of its row.
fn round_run(row: u32, run: u32, of_row: u32, lane: u32) {
    let runs = (params.k + RUN - 1u) / RUN;
    let here = row < params.rows && run < runs;
    let word = lane % 8u;
    let first = run * RUN + 4u * word;
    var v = vec4<f32>(0.0);
    var inside = vec4<bool>(false);
    if (here) {
        for (var b = 0u; b < 4u; b++) {
            if (first + b < params.k) {
                v[b] = x[row * params.k + first + b];
                inside[b] = true;
            }
        }
    }
    largest[lane] = max(max(magnitude(v.x), magnitude(v.y)), max(magnitude(v.z), magnitude(v.w)));
    workgroupBarrier();
    var top = of_row;
    if (SCALES != 1u) {
        for (var i = 0u; i < 8u; i++) {
            top = max(top, largest[lane / 8u * 8u + i]);
        }
    }

    var scale = top;
    var codes = vec4<i32>(0);
    if (top < INFINITE) {
        if (SCALES == 2u) {
            scale = bitcast<u32>(params.scale);
            let least = vec4<f32>(-127.0) - f32(params.zero_point);
            let most = vec4<f32>(127.0) - f32(params.zero_point);
            // Clamped as floats: what lies beyond the integers would have no defined code.
            let steps = clamp(round(v * params.inverse), least, most);
            codes = select(vec4<i32>(0), vec4<i32>(steps) + params.zero_point, inside);
        } else {
            let s = bitcast<f32>(top) * (1.0f / 127.0f);
            scale = 0u;
            // Scales below the normal numbers would be kept by some devices and not by others.
            if (s >= 0x1p-126) {
                scale = bitcast<u32>(s);
                let inverse = 127.0 / bitcast<f32>(top);
                codes = clamp(vec4<i32>(round(v * inverse)), vec4<i32>(-127), vec4<i32>(127));
            }
        }
    }
    sums[lane] = codes.x + codes.y + codes.z + codes.w;
    workgroupBarrier();
    if (here) {
        let index = row * runs + run;
        let bytes = bitcast<vec4<u32>>(codes) & vec4<u32>(0xffu);
        rounded[RUN_WORDS * index + word] =
            bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
        let rest = RUN_WORDS * index + 8u;
        if (word == 0u) {
            rounded[rest] = scale;
            rounded[rest + 3u] = 0u;
        }
        if (word == 1u || word == 2u) {
            let at = lane / 8u * 8u + 4u * (word - 1u);
            let low = sums[at] + sums[at + 1u];
            let high = sums[at + 2u] + sums[at + 3u];
            rounded[rest + word] = (bitcast<u32>(low) & 0xffffu) | (bitcast<u32>(high) << 16u);
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let workgroup = id.x + id.y * count.x;
    let runs = (params.k + RUN - 1u) / RUN;
    if (SCALES == 1u) {
        let top = largest_of_row(min(workgroup, params.rows - 1u), lane);
        for (var run = 0u; run < runs; run += WORKGROUP / 8u) {
            round_run(workgroup, run + lane / 8u, top, lane);
            // The sums are read before they are written again.
            workgroupBarrier();
        }
    } else {
        let index = workgroup * (WORKGROUP / 8u) + lane / 8u;
        round_run(index / runs, index % runs, 0u, lane);
    }
}

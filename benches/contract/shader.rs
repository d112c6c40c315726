//! The WGSL of one variant.
//!
//! Loops over rows, words and vectors are unrolled here: wgpu adds a counter to each WGSL loop, which
//! keeps drivers from unrolling it.

use crate::variant::{Input, Variant};
use std::fmt::Write;

/// Lanes in a workgroup.
pub const WORKGROUP: usize = 64;
/// Weights in a part: one block, one turn of the loop over k.
const PART: usize = 32;

/// Rows that a workgroup owns.
pub fn tile(v: &Variant) -> usize {
    WORKGROUP / v.lanes_k * v.rows
}

pub fn text(v: &Variant) -> String {
    let mut lines = vec![header(v), levels(v), main_head(v)];
    lines.push(inputs(v));
    lines.extend((0..v.rows).map(|r| row(v, r)));
    lines.push("    }".into());
    lines.push(if v.lanes_k == 1 {
        (0..v.rows).map(|r| store(r, "")).collect()
    } else {
        reduction(v)
    });
    lines.push("}\n".into());
    lines.join("\n")
}

fn header(v: &Variant) -> String {
    let unit = match v.decode {
        8 => "u32",
        16 => "vec2<u32>",
        _ => "vec4<u32>",
    };
    format!(
        "struct Params {{ n: u32, k: u32 }}
@group(0) @binding(0) var<storage, read> codes: array<{unit}>;
@group(0) @binding(1) var<storage, read> scales: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;
var<workgroup> partial: array<f32, {}>;

fn scale_at(i: u32) -> f32 {{
    let pair = unpack2x16float(scales[i >> 1u]);
    return select(pair.x, pair.y, (i & 1u) == 1u);
}}",
        WORKGROUP * v.rows
    )
}

/// Four nibbles, one in each byte, as floats: unchanged where the offset is hoisted, otherwise minus 8.
fn levels(v: &Variant) -> String {
    let body = if v.hoist {
        "unpack4xU8(nibbles)"
    } else {
        "unpack4xI8((nibbles + 0x78787878u) ^ 0x80808080u)"
    };
    format!("fn levels(nibbles: u32) -> vec4<f32> {{\n    return vec4<f32>({body});\n}}")
}

/// Which rows and parts a lane owns: eight neighbouring lanes own one part of eight neighbouring rows.
fn main_head(v: &Variant) -> String {
    let (octet, lanes_k, tile) = (8 * v.lanes_k, v.lanes_k, tile(v));
    let subgroup = match v.input {
        Input::Direct => "",
        Input::Subgroup => "\n    @builtin(subgroup_invocation_id) neighbour: u32,",
    };
    let mut text = format!(
        "@compute @workgroup_size({WORKGROUP})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,{subgroup}
) {{
    let parts = params.k / {PART}u;
    let lane_k = (lane / 8u) % {lanes_k}u;
    let base = group.x * {tile}u + (lane / {octet}u) * {}u + lane % 8u;\n",
        8 * v.rows
    );
    for r in 0..v.rows {
        // A row past the end reads the last row; its sum is not written.
        let first = match v.interleave {
            1 => format!("min(row{r}, params.n - 1u) * parts"),
            _ => format!("min(row{r}, params.n - 1u) / 8u * parts * 8u + min(row{r}, params.n - 1u) % 8u"),
        };
        let _ = write!(
            text,
            "    let row{r} = base + {}u;\n    let first{r} = {first};\n    var sum{r} = 0.0;\n",
            8 * r
        );
    }
    let _ = write!(text, "    for (var part = lane_k; part < parts; part += {lanes_k}u) {{");
    text
}

/// The 32 floats of x that a part is multiplied by, and their sum where the offset is hoisted.
fn inputs(v: &Variant) -> String {
    let vectors = 0..PART / 4;
    let mut text: String = match v.input {
        Input::Direct => vectors
            .map(|j| format!("        let x{j} = x[part * 8u + {j}u];\n"))
            .collect(),
        Input::Subgroup => {
            "        let mine = x[part * 8u + neighbour];\n".to_string()
                + &vectors
                    .map(|j| format!("        let x{j} = subgroupBroadcast(mine, {j}u);\n"))
                    .collect::<String>()
        }
    };
    if v.hoist {
        let all: Vec<String> = (0..PART / 4).map(|j| format!("x{j}")).collect();
        let all = all.join(" + ");
        let _ = writeln!(text, "        let x_sum = dot({all}, vec4<f32>(1.0));");
    }
    text
}

/// What one part adds to the sum of one row: as many decode calls as the part needs.
fn row(v: &Variant, r: usize) -> String {
    let calls = PART / v.decode;
    let mut text = format!(
        "        {{
            let block = first{r} + part * {}u;
            let scale = scale_at(block);
            var levels_sum = 0.0;\n",
        v.interleave
    );
    for call in 0..calls {
        let _ = writeln!(text, "            let q{call} = codes[block * {calls}u + {call}u];");
        for word in 0..v.decode / 8 {
            let q = match v.decode {
                8 => format!("q{call}"),
                _ => format!("q{call}.{}", ["x", "y", "z", "w"][word]),
            };
            let j = call * (v.decode / 8) + word;
            let _ = writeln!(
                text,
                "            levels_sum += dot(levels({q} & 0x0f0f0f0fu), x{j}) \
                 + dot(levels(({q} >> 4u) & 0x0f0f0f0fu), x{});",
                j + 4
            );
        }
    }
    let offset = if v.hoist { " - 8.0 * x_sum" } else { "" };
    text + &format!(
        "            sum{r} = fma(scale, levels_sum{offset}, sum{r});
        }}"
    )
}

/// Adds the sums of the lanes that share a row; the first lane writes the total.
fn reduction(v: &Variant) -> String {
    let mut text = String::new();
    for r in 0..v.rows {
        let at = WORKGROUP * r;
        let _ = writeln!(text, "    partial[{at}u + lane] = sum{r};");
    }
    text.push_str("    workgroupBarrier();\n    if (lane_k == 0u) {\n");
    for r in 0..v.rows {
        let _ = writeln!(
            text,
            "        for (var l = 1u; l < {}u; l++) {{
            sum{r} += partial[{}u + lane + l * 8u];
        }}",
            v.lanes_k,
            WORKGROUP * r
        );
        text.push_str(&store(r, "    "));
    }
    text + "    }"
}

fn store(r: usize, indent: &str) -> String {
    format!(
        "{indent}    if (row{r} < params.n) {{
{indent}        y[row{r}] = sum{r};
{indent}    }}\n"
    )
}

//! Kernels with one expression changed, which must be reported.

use super::exact::exact_matrix;
use super::rounding::rounded;
use super::{equal, oracle, within_bound};
use crate::common::{self, Random, exact_inputs, gpu};
use lowbit::Format;

/// Both comparisons must report kernels that are slightly wrong.
#[test]
fn broken_kernels_are_reported() {
    let gpu = gpu::gpu();
    let mut random = Random::new(7);
    // Two spans a part, a bias, an odd number of parts.
    let format = Format::INT4_BIAS.with_group(16).unwrap();
    let (m, n, k) = (3, 13, 352);
    let matrix = exact_matrix(format, n, k);
    let x = exact_inputs(m, k, &mut random);
    let values = rounded(&x, k, f32::round_ties_even).values(k);
    let want = oracle(&matrix.dequantize(), &values, k);
    let weights = gpu.upload(&matrix).unwrap();
    let mutants: &[(&str, &str, &str, &str)] = &[
        ("lane_tile_pairs", "as it is", "PAIRS_ADDED", "PAIRS_ADDED"),
        ("lane_tile_dp4a", "as it is", "fn main", "fn main"),
        ("gemv_dp4a", "as it is", "fn main", "fn main"),
        ("gemm_dp4a", "as it is", "fn main", "fn main"),
        ("lane_tile_pairs", "the low half left in", "t + 0x8000u", "t"),
        (
            "lane_tile_pairs",
            "odd for even",
            "let low = v >> vec4<u32>(24u)",
            "let low = v >> vec4<u32>(23u)",
        ),
        (
            "lane_tile_pairs",
            "half a sum of x",
            "return high_half(p) +",
            "return 0 *",
        ),
        ("lane_tile_pairs", "the same codes twice", "(c.low >> eight)", "c.low"),
        (
            "lane_tile_pairs",
            "the first span's affine",
            "/ GROUP)",
            "/ GROUP / 2u * 2u)",
        ),
        (
            "lane_tile_dp4a",
            "a span's sum of another",
            "return pairs[s];",
            "return pairs[1u - s];",
        ),
        (
            "lane_tile_dp4a",
            "unsigned sums",
            "halves >> vec2<u32>(16u);",
            "bitcast<vec2<i32>>(sums >> vec2<u32>(16u));",
        ),
        (
            "lane_tile_dp4a",
            "another word",
            "codes_word(v, s * (8u / SPANS) + 0u)",
            "codes_word(v, s * (8u / SPANS) + 1u)",
        ),
        ("lane_tile_dp4a", "the scale left out", "* v[0u].scale", ""),
        (
            "gemv_dp4a",
            "unsigned products",
            "return dot4I8Packed(a, b);",
            "return i32(dot4U8Packed(a, b));",
        ),
        (
            "gemv_dp4a",
            "the last part forgotten",
            "min(start + STRETCH * LANES_K, parts)",
            "min(start + STRETCH * LANES_K, parts - 1u)",
        ),
        (
            "gemm_dp4a",
            "an odd last part twice",
            "let there = first + step < parts;",
            "let there = true;",
        ),
        (
            "gemm_dp4a",
            "another row's affine",
            "affines[(p * SPANS + 0u) * TILE_N + row]",
            "affines[(p * SPANS + 0u) * TILE_N + (row ^ 1u)]",
        ),
        (
            "gemm_dp4a",
            "no swizzle on one side",
            "w_tile[swizzled(own, 2u * step)]",
            "w_tile[own * STEP * 2u + 2u * step]",
        ),
    ];
    for (kernel, what, from, to) in mutants {
        let product = common::gpu::edited(gpu, &weights, m, kernel, |text| {
            assert!(text.contains(from), "{kernel}: no {from:?}");
            text.replace(from, to)
        })
        .unwrap();
        let y = gpu::run(gpu, &x, m * n, |pass, x, y| product.encode(pass, x, y).unwrap());
        let (equal, bound) = (equal(&y, &want), within_bound(&y, &want));
        match *what {
            "as it is" => {
                equal.unwrap();
                bound.unwrap();
            }
            _ => assert!(equal.is_err() && bound.is_err(), "not reported: {kernel}, {what}"),
        }
    }
}

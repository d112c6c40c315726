//! Tensors that do not fit give an error with the part and both numbers, and nothing is reserved.

use crate::common::layouts::{layout, layouts};
use lowbit::layouts::*;
use lowbit::{Error, Group, OutputScale, ScaleType};

/// Every part of every case, one byte short, one byte long, and empty.
#[test]
fn lengths_that_do_not_fit() {
    for case in layouts().iter_mut() {
        let names: Vec<String> = case.parts.keys().cloned().collect();
        for name in names {
            // Parts that the layouts do not take, and parts that only the product test reads.
            let unread = ["quant_state", "shape", "act", "ca", "sca", "outlier_cols", "out"];
            if unread.contains(&name.as_str()) {
                continue;
            }
            let whole = case.parts[&name].clone();
            let longer = [&whole[..], &[0]].concat();
            for broken in [&whole[..whole.len() - 1], &longer, &[]] {
                case.parts.insert(name.clone(), broken.to_vec());
                // The test itself reads this one, with a fixed width.
                if name == "global_scale" {
                    continue;
                }
                let error = case.linear().expect_err(&case.name);
                let Error::Part { expected, got, .. } = &error else {
                    panic!("{}: {name}: {error}", case.name);
                };
                assert_ne!(expected, got, "{}: {name}", case.name);
            }
            case.parts.insert(name, whole);
        }
    }
}

/// Wrong shapes, up to those that overflow.
#[test]
fn shapes_that_do_not_fit() {
    for case in layouts().iter_mut() {
        let (n, k) = (case.n, case.k);
        let large = [usize::MAX, usize::MAX / 2 + 1, usize::MAX / 3, 1 << 62, 1 << 40];
        for other in [0, 1, 3, 7, n + 8, 2 * k].into_iter().chain(large) {
            for (n, k) in [(other, k), (n, other), (other, other)] {
                if (n, k) == (case.n, case.k) {
                    continue;
                }
                (case.n, case.k) = (n, k);
                assert!(case.linear().is_err(), "{}: [{n}, {k}]", case.name);
            }
            (case.n, case.k) = (n, k);
        }
    }
}

#[test]
fn scales_that_are_no_numbers() {
    for (name, part, width) in [
        ("gptq_w4_g128_seq_v2", "scales", 2),
        ("awq_gemm_w4_g128", "scales", 2),
        ("bnb_nf4_b64", "absmax", 4),
        ("bnb_nf4_b64_dq", "nested_absmax", 4),
        ("bnb_nf4_b64_dq", "nested_quant_map", 4),
        ("bnb_int8_rowwise", "scb", 4),
        ("ct_pack_int3_sym_g128", "scale", 4),
        ("ct_int8_channel", "scale", 4),
        ("ct_fp8_channel", "scale", 4),
        ("ct_nvfp4", "scale", 1),
        ("ct_mxfp8", "scale", 1),
        ("hqq_b4_g64_ax1", "zero", 4),
        ("hqq_b3_g64_ax0", "scale", 4),
        ("quanto_qint4_g128", "shift", 4),
        ("mlx_affine_b3_g64", "biases", 4),
        ("ort_nbits_b4_sym_g32", "scales", 4),
    ] {
        let mut case = layout(name);
        let bytes = case.parts.get_mut(part).unwrap();
        let end = bytes.len();
        // All ones are NaN in each of these types.
        bytes[end - width..].fill(0xff);
        let error = case.linear().expect_err(name);
        let count = end / width - 1;
        let Error::Part { what, expected, .. } = error else {
            panic!("{name}: {error}");
        };
        assert_eq!((what, expected.as_str()), (format!("number {count}"), "finite"));
    }
}

#[test]
fn messages_name_the_part_and_both_numbers() {
    let message = |result: lowbit::Result<lowbit::Linear>| result.unwrap_err().to_string();
    let case = layout("gptq_w4_g128_act_v2");
    let gptq = GptqLayout {
        n: 32,
        k: 1024,
        bits: 4,
        group: Group::Len(128),
        zeros: GptqZeros::AsTheyAre,
        qweight: case.part("qweight"),
        qzeros: case.part("qzeros"),
        scales: case.f16s("scales"),
        g_idx: Some(case.part("g_idx")),
    };
    let short = &case.part("qzeros")[4..];
    assert_eq!(
        message(GptqLayout { qzeros: short, ..gptq }.linear()),
        "qzeros: its bytes should be 128, got 124"
    );
    assert_eq!(
        message(GptqLayout { bits: 9, ..gptq }.linear()),
        "the layout: bits should be one of [2, 3, 4, 5, 6, 7, 8], got 9"
    );
    let mut g_idx = case.part("g_idx").to_vec();
    g_idx[..4].copy_from_slice(&8i32.to_le_bytes());
    assert_eq!(
        message(
            GptqLayout {
                g_idx: Some(&g_idx),
                ..gptq
            }
            .linear()
        ),
        "g_idx: number 0 should be a group under 8, got 8"
    );
    let group = g_idx[4];
    g_idx[..4].copy_from_slice(&(group as i32).to_le_bytes());
    let uneven = message(
        GptqLayout {
            g_idx: Some(&g_idx),
            ..gptq
        }
        .linear(),
    );
    assert!(
        uneven.ends_with("should be 128, got 127") || uneven.ends_with("got 129"),
        "{uneven}"
    );

    let map: Vec<f32> = (0..16).map(|i| i as f32).collect();
    let error = Levels4::Nf4.check(FloatSlice::from(&map[..])).unwrap_err();
    assert_eq!(error.to_string(), "quant_map: number 0 should be -1, got 0");

    let bitnet = BitNetLayout {
        n: 4,
        k: 8,
        packed: &[0; 8],
        scale: OutputScale::Divide(0.0),
    };
    assert!(message(bitnet.linear()).starts_with("scale: what is divided by"));
    let scales = FloatSlice::new(ScaleType::E8M0, &[255]);
    let mx = MicroscaledLayout {
        n: 1,
        k: 32,
        element: Element::E2M1,
        group: Group::Len(32),
        packed: &[0; 16],
        scales,
        global: None,
    };
    assert_eq!(message(mx.linear()), "the scales: number 0 should be finite, got NaN");
    for (group, got) in [(Group::Tensor, "the whole tensor"), (Group::Len(0), "groups of 0")] {
        let expected = format!("the layout's group should be whole rows, or groups of at least 1, got {got}");
        assert_eq!(message(MicroscaledLayout { group, ..mx }.linear()), expected);
    }
}

/// The group of this length; 0 means a row.
fn or_row(len: usize) -> Group {
    if len == 0 { Group::Row } else { Group::Len(len) }
}

/// The versions of AWQ without a golden case: zeros of the right lengths are accepted, and nothing else.
#[test]
fn lengths_of_awq_gemv() {
    let zeros = [0u8; 4096];
    // 2 groups of 64, padded to 16 columns.
    let gemv = |n, k, group, qweight, qzeros, scales| AwqGemvLayout {
        n,
        k,
        group: or_row(group),
        qweight: &zeros[..qweight],
        qzeros: &zeros[..qzeros],
        scales: FloatSlice::new(ScaleType::F16, &zeros[..scales]),
    };
    assert!(gemv(8, 128, 64, 512, 64, 256).linear().is_ok());
    let fast = |n, k, group, qweight, scales, zero_points| AwqGemvFastLayout {
        n,
        k,
        group: or_row(group),
        qweight: &zeros[..qweight],
        scales: FloatSlice::new(ScaleType::F16, &zeros[..scales]),
        scaled_zeros: FloatSlice::new(ScaleType::F16, &zeros[..zero_points]),
    };
    assert!(fast(8, 128, 64, 512, 256, 256).linear().is_ok());
    for part in 0..3 {
        for by in [-2isize, -1, 1, 2] {
            let other = |at: usize, len: usize| {
                if at == part { len.saturating_add_signed(by) } else { len }
            };
            let (a, b, c) = (other(0, 512), other(1, 64), other(2, 256));
            assert!(gemv(8, 128, 64, a, b, c).linear().is_err(), "{part} {by}");
            let (b, c) = (other(1, 256), other(2, 256));
            assert!(fast(8, 128, 64, a, b, c).linear().is_err(), "{part} {by}");
        }
    }
    for (n, k, group) in [
        (0, 128, 64),
        (8, 0, 64),
        (8, 128, 48),
        (7, 128, 64),
        (8, 132, 66),
        (usize::MAX, 128, 64),
        (8, usize::MAX - 63, 64),
        (usize::MAX - 7, usize::MAX - 63, 0),
        (8, 128, usize::MAX),
    ] {
        assert!(gemv(n, k, group, 512, 64, 256).linear().is_err());
        assert!(fast(n, k, group, 512, 256, 256).linear().is_err());
    }
}

/// Other layouts without a golden case: parts of the right lengths are accepted, and no others.
#[test]
fn lengths_of_modelopt_torchao_and_bitnet() {
    let zeros = [0u8; 4096];
    let scales = |len| FloatSlice::new(ScaleType::F32, &zeros[..len]);
    let modelopt = |n, k, group, packed, len| ModelOptInt4Layout {
        n,
        k,
        group: or_row(group),
        packed: &zeros[..packed],
        scales: scales(len),
    };
    let torchao = |n, k, group, packed, len| TorchAoInt4Layout {
        n,
        k,
        group: or_row(group),
        packed: &zeros[..packed],
        scales: scales(len),
        zeros: scales(64),
    };
    let latent = |n, k, len| BitNetLatentLayout {
        n,
        k,
        weight: scales(len),
    };
    assert!(modelopt(8, 128, 64, 512, 64).linear().is_ok());
    assert!(torchao(8, 128, 64, 512, 64).linear().is_ok());
    assert!(latent(6, 40, 960).linear().is_ok());
    for (packed, len) in [(511, 64), (513, 64), (512, 60), (512, 63), (512, 68), (0, 0)] {
        assert!(modelopt(8, 128, 64, packed, len).linear().is_err());
        assert!(torchao(8, 128, 64, packed, len).linear().is_err());
        assert!(latent(6, 40, 961 + packed).linear().is_err());
    }
    for (n, k, group) in [
        (0, 128, 64),
        (8, 0, 64),
        (8, 128, 48),
        (usize::MAX, 128, 64),
        (usize::MAX - 1, usize::MAX - 63, 64),
        (8, 128, usize::MAX),
    ] {
        assert!(modelopt(n, k, group, 512, 64).linear().is_err());
        assert!(torchao(n, k, group, 512, 64).linear().is_err());
        assert!(latent(n, k, 64).linear().is_err());
    }
    assert!(modelopt(7, 128, 64, 512, 64).linear().is_err());
    assert_eq!(
        torchao(8, 128, 64, 512, 60).linear().unwrap_err().to_string(),
        "scale: its length should be 16, got 15"
    );
}

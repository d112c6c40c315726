//! Act-order and other differences between GPTQ files.

use crate::common::layouts::layout;
use crate::common::same_bits;
use lowbit::layouts::{FloatSlice, GptqLayout, GptqZeros, PackQuantizedLayout};
use lowbit::{Group, ScaleType};

#[test]
fn act_order_becomes_a_permutation_and_sequence_none() {
    for bits in [2, 3, 4, 8] {
        let act = layout(&format!("gptq_w{bits}_g128_act_v2")).linear().unwrap();
        let permutation = act.permutation().unwrap();
        assert!(permutation.windows(2).any(|p| p[0] > p[1]));
        let seq = layout(&format!("gptq_w{bits}_g128_seq_v2")).linear().unwrap();
        assert_eq!(seq.permutation(), None);
    }
}

/// v1 files store zero points one lower, modulo the field; without g_idx, or if it is all zeros, groups are
/// consecutive; scales may be bf16.
#[test]
fn versions_of_gptq_agree() {
    for bits in [2, 3, 4, 8] {
        let case = layout(&format!("gptq_w{bits}_g128_seq_v2"));
        let v2 = case.linear().unwrap();
        let mut v1_zeros = case.part("qzeros").to_vec();
        add_to_fields(&mut v1_zeros, bits, case.n, (1 << bits) - 1);
        let absent = GptqLayout {
            n: case.n,
            k: case.k,
            bits,
            group: Group::Len(128),
            zeros: GptqZeros::OneLower,
            qweight: case.part("qweight"),
            qzeros: &v1_zeros,
            scales: case.f16s("scales"),
            g_idx: None,
        };
        assert_eq!(absent.linear().unwrap(), v2);
        let zeros = vec![0u8; 4 * case.k];
        let zeroed = GptqLayout {
            g_idx: Some(&zeros),
            ..absent
        };
        assert_eq!(zeroed.linear().unwrap(), v2);
        // The other version decodes differently.
        let wrong = GptqLayout {
            zeros: GptqZeros::AsTheyAre,
            ..absent
        };
        assert!(same_bits(&wrong.linear().unwrap().dequantize(), &v2.dequantize()).is_err());

        // Scales that both types hold exactly give the same weights.
        let scales: Vec<f32> = (0..8 * case.n).map(|i| 2f32.powi(-(i as i32 % 7))).collect();
        let as_f16: Vec<u8> = scales
            .iter()
            .flat_map(|s| half::f16::from_f32(*s).to_le_bytes())
            .collect();
        let as_bf16: Vec<u8> = scales
            .iter()
            .flat_map(|s| half::bf16::from_f32(*s).to_le_bytes())
            .collect();
        let with = |kind, bytes| {
            let scales = FloatSlice::new(kind, bytes);
            GptqLayout { scales, ..absent }.linear().unwrap()
        };
        let (f16, bf16) = (with(ScaleType::F16, &as_f16), with(ScaleType::BF16, &as_bf16));
        assert_ne!(f16.matrix().format(), bf16.matrix().format());
        same_bits(&f16.dequantize(), &bf16.dequantize()).unwrap();
    }
}

/// Adds to each field of a stream, modulo the field.
fn add_to_fields(words: &mut [u8], bits: usize, fields: usize, add: u32) {
    for row in words.chunks_mut(fields * bits / 8) {
        for i in 0..fields {
            let get = |row: &[u8], bit: usize| (row[bit / 8] >> (bit % 8)) as u32 & 1;
            let old: u32 = (0..bits).map(|b| get(row, i * bits + b) << b).sum();
            let new = (old + add) & ((1 << bits) - 1);
            for b in 0..bits {
                let at = i * bits + b;
                row[at / 8] &= !(1 << (at % 8));
                row[at / 8] |= (((new >> b) & 1) as u8) << (at % 8);
            }
        }
    }
}

/// One group for all inputs (`group_size` -1) equals a group of length k.
#[test]
fn no_groups_are_one_group() {
    let case = layout("gptq_w4_g128_seq_v2");
    let (n, k) = (case.n, case.k);
    let whole = GptqLayout {
        n,
        k,
        bits: 4,
        group: Group::Row,
        zeros: GptqZeros::AsTheyAre,
        qweight: case.part("qweight"),
        qzeros: &case.part("qzeros")[..n / 2],
        scales: FloatSlice::new(ScaleType::F16, &case.part("scales")[..2 * n]),
        g_idx: None,
    };
    let linear = whole.linear().unwrap();
    assert_eq!(
        linear,
        GptqLayout {
            group: Group::Len(k),
            ..whole
        }
        .linear()
        .unwrap()
    );
    // The first group of each row is unchanged; the others now have its scale.
    let (got, grouped) = (linear.dequantize(), case.linear().unwrap().dequantize());
    for row in 0..n {
        same_bits(&got[row * k..][..128], &grouped[row * k..][..128]).unwrap();
    }
}

/// compressed-tensors' `weight_g_idx` means what GPTQ's does: columns moved with their groups decode the same.
#[test]
fn compressed_tensors_have_act_order_too() {
    let case = layout("ct_pack_int8_sym_g128");
    let (n, k) = (case.n, case.k);
    // Column j of the file is column (613 j mod k) of the case.
    let from = |j: usize| j * 613 % k;
    let mut packed = vec![0u8; n * k];
    for row in 0..n {
        for j in 0..k {
            packed[row * k + j] = case.part("packed")[row * k + from(j)];
        }
    }
    let g_idx: Vec<u8> = (0..k).flat_map(|j| (from(j) as i32 / 128).to_le_bytes()).collect();
    let moved = PackQuantizedLayout {
        n,
        k,
        bits: 8,
        group: Group::Len(128),
        packed: &packed,
        scales: case.f32s("scale"),
        zero_points: None,
        g_idx: Some(&g_idx),
    };
    let weights = moved.linear().unwrap().dequantize();
    for (i, w) in weights.iter().enumerate() {
        assert_eq!(*w, case.dequantized[i / k * k + from(i % k)]);
    }
    // Without act-order the file stores -1 everywhere.
    let none = vec![0xff; 4 * k];
    let plain = PackQuantizedLayout {
        g_idx: Some(&none),
        ..moved
    };
    assert_eq!(plain.linear().unwrap().permutation(), None);
}

//! Cases without golden bytes: older packings, other scales, odd shapes, whole codecs.

use crate::common::layouts::layout;
use crate::common::{Random, same_bits};
use lowbit::layouts::*;
use lowbit::{Format, Group, OutputScale, ScaleType};

/// Words of whole fields, as compressed-tensors packed them up to 0.16, from a dense stream.
fn padded(dense: &[u8], bits: usize, fields: usize) -> Vec<u8> {
    let mut words = vec![0u32; fields.div_ceil(32 / bits)];
    for i in 0..fields {
        for b in 0..bits {
            let at = i * bits + b;
            let bit = (dense[at / 8] >> (at % 8)) as u32 & 1;
            words[i / (32 / bits)] |= bit << (i % (32 / bits) * bits + b);
        }
    }
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}

#[test]
fn both_packings_of_compressed_tensors() {
    for bits in [3, 6] {
        let case = layout(&format!("ct_pack_int{bits}_sym_g128"));
        let (n, k) = (case.n, case.k);
        let rows = case.part("packed").chunks(k * bits / 8);
        let packed: Vec<u8> = rows.flat_map(|row| padded(row, bits, k)).collect();
        assert_ne!(packed.len(), case.part("packed").len());
        let old = PackQuantizedLayout {
            n,
            k,
            bits,
            group: Group::Len(128),
            packed: &packed,
            scales: case.f32s("scale"),
            zero_points: None,
            g_idx: None,
        };
        assert_eq!(old.linear().unwrap(), case.linear().unwrap());
        // A length that fits neither packing is refused.
        let cut = &packed[..packed.len() - 4 * n];
        assert!(PackQuantizedLayout { packed: cut, ..old }.linear().is_err());
    }
}

/// Every width in both packings, with zero points, against weights computed here.
#[test]
fn all_bits_of_compressed_tensors() {
    let (n, k, group) = (40, 256, 32);
    let mut random = Random::new(5);
    for bits in 1..=8 {
        let top = 1u64 << bits;
        let codes: Vec<u8> = (0..n * k).map(|_| (random.next() % top) as u8).collect();
        let zeros: Vec<u8> = (0..n * k / group).map(|_| (random.next() % top) as u8).collect();
        let scales = random.floats(n * k / group, 0.1);
        let dense = |fields: &[u8]| {
            let mut out = vec![0u8; (fields.len() * bits).div_ceil(32) * 4];
            for (i, f) in fields.iter().enumerate() {
                for b in 0..bits {
                    let at = i * bits + b;
                    out[at / 8] |= ((f >> b) & 1) << (at % 8);
                }
            }
            out
        };
        let expected: Vec<f32> = (0..n * k)
            .map(|i| scales[i / group] * (codes[i] as f32 - zeros[i / group] as f32))
            .collect();
        for old in [false, true] {
            let pack = |fields: &[u8]| {
                if old {
                    padded(&dense(fields), bits, fields.len())
                } else {
                    dense(fields)
                }
            };
            let packed: Vec<u8> = codes.chunks(k).flat_map(pack).collect();
            // Zero points are packed along the outputs: rows of words, with one word for each group.
            let groups = k / group;
            let columns: Vec<Vec<u8>> = (0..groups)
                .map(|g| pack(&(0..n).map(|r| zeros[r * groups + g]).collect::<Vec<_>>()))
                .collect();
            let down = columns[0].len() / 4;
            let zero_points: Vec<u8> = (0..down)
                .flat_map(|w| columns.iter().flat_map(move |c| c[4 * w..4 * w + 4].to_vec()))
                .collect();
            let linear = PackQuantizedLayout {
                n,
                k,
                bits,
                group: Group::Len(group),
                packed: &packed,
                scales: FloatSlice::from(&scales[..]),
                zero_points: Some(&zero_points),
                g_idx: None,
            }
            .linear()
            .unwrap();
            same_bits(&linear.dequantize(), &expected).unwrap_or_else(|e| panic!("{bits}: {e}"));
        }
    }
}

/// One bit, symmetric: codes -1 and 0, unlike `INT1`.
#[test]
fn one_symmetric_bit_is_minus_one_or_zero() {
    let linear = PackQuantizedLayout {
        n: 1,
        k: 32,
        bits: 1,
        group: Group::Row,
        packed: &[0b01, 0, 0, 0x80],
        scales: FloatSlice::from(&[2.0f32][..]),
        zero_points: None,
        g_idx: None,
    }
    .linear()
    .unwrap();
    let w = linear.dequantize();
    assert_eq!((w[0], w[1], w[30], w[31]), (0.0, -2.0, -2.0, 0.0));
}

#[test]
fn int_quantized_with_zero_points() {
    let weight: Vec<u8> = (0..32).map(|i| (i * 5 - 80) as i8 as u8).collect();
    let linear = IntQuantizedLayout {
        n: 2,
        k: 16,
        group: Group::Len(8),
        weight: &weight,
        scales: FloatSlice::from(&[1.0f32, 2.0, 3.0, 4.0][..]),
        zero_points: Some(&[0, 3, 0xfb, 0x80]),
    }
    .linear()
    .unwrap();
    let zeros = [0.0, 3.0, -5.0, -128.0];
    for (i, w) in linear.dequantize().into_iter().enumerate() {
        let code = weight[i] as i8 as f32;
        assert_eq!(w, (i / 8 + 1) as f32 * (code - zeros[i / 8]));
    }
}

/// DeepSeek: a scale for each block of rows and columns, with truncated last blocks.
#[test]
fn fp8_blocks() {
    let (n, k, block) = (20, 40, (8, 16));
    let mut random = Random::new(7);
    let weight: Vec<u8> = (0..n * k).map(|_| (random.next() % 120) as u8).collect();
    let scales = random.floats(3 * 3, 2.0);
    for element in [Element::E4M3, Element::E5M2] {
        let layer = |block, scales| Fp8Layout {
            n,
            k,
            element,
            block,
            weight: &weight,
            scales,
        };
        let linear = layer(block, FloatSlice::from(&scales[..])).linear().unwrap();
        let unit = layer((n, k), FloatSlice::from(&[1f32][..])).linear().unwrap();
        let (got, elements) = (linear.dequantize(), unit.dequantize());
        for i in 0..n * k {
            let scale = scales[i / k / 8 * 3 + i % k / 16];
            assert_eq!(got[i], scale * elements[i]);
        }
    }
}

/// A global scale that multiplies, and one that divides.
#[test]
fn global_scales_multiply_or_divide() {
    let case = layout("ct_nvfp4");
    let base = MicroscaledLayout {
        n: case.n,
        k: case.k,
        element: Element::E2M1,
        group: Group::Len(16),
        packed: case.part("packed"),
        scales: case.small_scales(),
        global: None,
    };
    let with = |global| MicroscaledLayout { global, ..base }.linear().unwrap().dequantize();
    let plain = with(None);
    let times: Vec<f32> = plain.iter().map(|w| w * 0.3).collect();
    let by: Vec<f32> = plain.iter().map(|w| w / 0.3).collect();
    same_bits(&with(Some(OutputScale::Multiply(0.3))), &times).unwrap();
    same_bits(&with(Some(OutputScale::Divide(0.3))), &by).unwrap();
    assert!(same_bits(&times, &by).is_err());
}

/// Blocks that do not divide rows: rows of 96 and blocks of 64 have a common divisor of 32.
#[test]
fn bitsandbytes_blocks_across_rows() {
    let (n, k, block) = (4, 96, 64);
    let mut random = Random::new(9);
    let packed: Vec<u8> = (0..n * k / 2).map(|_| random.next() as u8).collect();
    let absmax: Vec<f32> = (1..=n * k / block).map(|i| i as f32).collect();
    let layer = |levels, absmax| FourBitLayout {
        n,
        k,
        levels,
        block,
        packed: &packed,
        absmax: Absmax::Plain(FloatSlice::from(absmax)),
    };
    for levels in [Levels4::Nf4, Levels4::Fp4] {
        let linear = layer(levels, &absmax[..]).linear().unwrap();
        assert_eq!(linear.matrix().format().group(), Group::Len(32));
        let unit = layer(levels, &[1.0; 6][..]).linear().unwrap().dequantize();
        for (i, w) in linear.dequantize().into_iter().enumerate() {
            assert_eq!(w, absmax[i / block] * unit[i]);
        }
    }
}

/// AQLM: indices past the middle are negative in the file, and entries are added in f32.
#[test]
fn aqlm_looks_up_both_kinds() {
    let (n, k) = (3, 24);
    let mut random = Random::new(13);
    let codes: Vec<u8> = (0..n * k / 4).map(|_| random.next() as u8).collect();
    let scales: Vec<half::f16> = random.floats(n, 1.0).into_iter().map(half::f16::from_f32).collect();
    for (books, entries) in [(1, 65536), (2, 256)] {
        let codebooks: Vec<half::f16> = random
            .floats(books * entries * 8, 1.0)
            .into_iter()
            .map(half::f16::from_f32)
            .collect();
        let linear = AqlmLayout {
            n,
            k,
            books,
            codes: &codes,
            codebooks: FloatSlice::from(&codebooks[..]),
            scales: FloatSlice::from(&scales[..]),
        }
        .linear()
        .unwrap();
        for (i, w) in linear.dequantize().into_iter().enumerate() {
            let pair = &codes[i / 8 * 2..][..2];
            let entry = |book: usize, code: usize| codebooks[(book * entries + code) * 8 + i % 8];
            // As PyTorch reads indices: signed, plus the number of entries if negative.
            let sum = match books {
                1 => {
                    let code = i16::from_le_bytes([pair[0], pair[1]]) as i32;
                    entry(0, code.rem_euclid(65536) as usize).to_f32()
                }
                _ => (0..2)
                    .map(|b| entry(b, (pair[b] as i8 as i32).rem_euclid(256) as usize).to_f32())
                    .sum(),
            };
            assert_eq!(w, scales[i / k].to_f32() * sum);
        }
    }
}

/// The formats that the documentation table promises.
#[test]
fn layouts_become_what_they_say() {
    let format = |name: &str| layout(name).linear().unwrap().matrix().format().to_string();
    assert_eq!(format("gptq_w3_g128_act_v2"), "int3_qzeros_g128");
    assert_eq!(format("awq_gemm_w4_g128"), "int4_qzeros_g128");
    assert_eq!(format("bnb_fp4_b64_dq"), "fp4");
    assert_eq!(format("bnb_int8_rowwise"), "int8_f32_row");
    assert_eq!(format("ct_pack_int6_sym_g128"), "int6_f32_g128");
    assert_eq!(format("ct_nvfp4"), "fp4_e2m1_e4m3_g16");
    assert_eq!(format("ct_mxfp6"), "fp6_e2m3");
    assert_eq!(format("ct_fp8_tensor"), "fp8_e4m3_row");
    assert_eq!(format("hqq_b4_g64_ax1"), "int4_asym_f32_g64");
    assert_eq!(format("hqq_b4_g64_ax0"), "int4_columns");
    assert_eq!(format("quanto_qint4_g128"), "int4_bias_f32_g128");
    assert_eq!(format("mlx_affine_b5_g64"), "int5_bias_f32_g64");
    assert_eq!(format("ort_nbits_b8_sym_g32"), "int8_f32");
    assert_eq!(format("bitnet_hf_packed"), "ternary_row");
}

#[test]
fn plain_floats_are_held_as_they_are() {
    let values = [1.5f32, -2.0, 0.0, 3.25];
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|v| half::bf16::from_f32(*v).to_le_bytes())
        .collect();
    let weight = FloatSlice::new(ScaleType::BF16, &bytes);
    let linear = FloatsLayout { n: 2, k: 2, weight }.linear().unwrap();
    assert_eq!(linear.matrix().format(), Format::BF16);
    same_bits(&linear.dequantize(), &values).unwrap();
}

/// quanto's bytes, and its tables whose row count is not a multiple of the fields in a byte.
#[test]
fn quanto_bytes_and_short_tables() {
    let data: Vec<u8> = (0..16).map(|i| (i * 17) as u8).collect();
    let scales = [0.5f32, -2.0];
    let linear = QuantoBytesLayout {
        n: 2,
        k: 8,
        byte: QuantoByte::Int8,
        data: &data,
        scales: FloatSlice::from(&scales[..]),
    }
    .linear()
    .unwrap();
    for (i, w) in linear.dequantize().into_iter().enumerate() {
        assert_eq!(w, scales[i / 8] * (data[i] as i8 as f32));
    }
    // Three groups of 4 bits: two rows of the packed table, the second with one field.
    let linear = QuantoBitsLayout {
        n: 3,
        k: 8,
        bits: 4,
        group: Group::Len(8),
        packed: &data,
        scales: FloatSlice::from(&[1f32; 3][..]),
        shifts: FloatSlice::from(&[0f32, 1.0, 2.0][..]),
    }
    .linear()
    .unwrap();
    for (i, w) in linear.dequantize().into_iter().enumerate() {
        let (row, column) = (i / 8, i % 8);
        let field = (data[row % 2 * 8 + column] >> (4 * (row / 2))) & 15;
        assert_eq!(w, field as f32 - row as f32);
    }
}

/// MatMulNBits with a truncated last group, and with zero points that are floats.
#[test]
fn onnx_pads_the_last_group() {
    let (n, k, group) = (2, 40, 16);
    let mut random = Random::new(3);
    let packed: Vec<u8> = (0..n * 3 * 8).map(|_| random.next() as u8).collect();
    let (scales, zeros) = (random.floats(6, 1.0), random.floats(6, 8.0));
    let linear = MatMulNBitsLayout {
        n,
        k,
        bits: 4,
        group,
        packed: &packed,
        scales: FloatSlice::from(&scales[..]),
        zero_points: ZeroPoints::Floats(FloatSlice::from(&zeros[..])),
    }
    .linear()
    .unwrap();
    for (i, w) in linear.dequantize().into_iter().enumerate() {
        let (row, column) = (i / k, i % k);
        let field = (packed[row * 24 + column / 2] >> (4 * (column % 2))) & 15;
        let g = row * 3 + column / group;
        assert_eq!(w, scales[g] * (field as f32 - zeros[g]));
    }
}
